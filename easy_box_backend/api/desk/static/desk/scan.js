// A field for hand scanners, which type a code in a few milliseconds and then press Enter. Codes wait in a queue while
// the server works. The queue is kept in this window, so that neither a reload nor a login loses a code. A batch that
// is sent again, since its answer was lost, has the same name and counts once.
"use strict";

for (const form of document.querySelectorAll("form[data-scan]")) {
  const field = form.querySelector("textarea"), warning = form.querySelector("[role=alert]");
  const address = form.getAttribute("action") || location.pathname, store = "scanned " + address;
  const queue = JSON.parse(sessionStorage.getItem(store) || "[]"); // batches: {name, codes}
  // after: a function to call when the queue is empty. open: the last batch has not been sent and takes more codes.
  let sending = false, after = null, open = false;

  function keep() {
    sessionStorage.setItem(store, JSON.stringify(queue));
  }

  function add(text) {
    if (!text.trim()) return;
    if (open) queue.at(-1).codes.push(text);
    else queue.push({ name: `${Date.now()}-${Math.random()}`, codes: [text] });
    open = true;
    keep();
    send();
  }

  async function send() {
    if (sending || !queue.length) return;
    sending = true;
    if (queue.length === 1) open = false;
    const body = new FormData(form);
    body.set("batch", queue[0].name);
    body.set("codes", queue[0].codes.join("\n"));
    const held = document.querySelector("input[name=held]");
    if (held) body.set("held", held.value);
    // The fields of another form of the page (`data-with`), if the server does not store them.
    if (form.dataset.with) for (const [name, value] of new FormData(document.getElementById(form.dataset.with))) body.append(name, value);
    try {
      const answer = await fetch(address, { method: "POST", body, headers: { "HX-Request": "true", "HX-Current-URL": location.href } });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(form.dataset.scan);
      if (!fresh) return location.reload(); // the session has ended: after the login the queue is sent
      show(fresh);
      queue.shift();
      keep();
      warning.hidden = true;
    } catch {
      warning.textContent = `${form.dataset.waiting} ${queue.flatMap((batch) => batch.codes).join(", ")}`;
      warning.hidden = false;
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
    }
    sending = false;
    if (queue.length) send();
    else if (after) after();
  }

  function show(fresh) {
    const target = document.querySelector(form.dataset.scan);
    if (isOlder(fresh.dataset.read, target)) return;
    target.replaceWith(fresh);
    htmx.process(fresh);
  }

  function isOlder(read, target) {
    return Number(read) < Number(target.dataset.read);
  }

  function take() {
    add(field.value);
    field.value = "";
    document.getElementById("found")?.replaceChildren();
  }

  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    take();
  });
  field.addEventListener("paste", () => setTimeout(() => { if (/[\n\t]/.test(field.value)) take(); }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add(event.submitter?.value || "");
    take();
    field.focus();
  });

  // Responses can overtake each other. One that was read from the database earlier than the shown one is dropped.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const read = /data-read="([^"]*)"/.exec(event.detail.serverResponse || "");
    if (read && event.detail.target.matches(form.dataset.scan) && isOlder(read[1], event.detail.target)) event.detail.shouldSwap = false;
  });

  // If the button of another form is pressed, first send all scanned codes and the text in the field, then that form.
  document.addEventListener("submit", (event) => {
    if (event.target === form || event.target.method !== "post") return;
    take();
    if (!queue.length) return;
    event.preventDefault();
    event.stopPropagation();
    const button = event.submitter?.value; // the button itself is replaced when the codes have arrived
    after = () => {
      after = null;
      const now = document.getElementById(event.target.id); // it may have been replaced, too
      now.requestSubmit([...now.elements].find((one) => one.type === "submit" && one.value === button));
    };
  }, true);

  send();
}

// Enter in a field with `data-enter` moves the focus to the field with that id.
document.addEventListener("keydown", (event) => {
  const next = event.key === "Enter" && event.target.dataset?.enter;
  if (!next || event.isComposing) return;
  event.preventDefault();
  document.getElementById(next).focus();
});

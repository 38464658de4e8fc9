// An answer is sent ten seconds after its button was pressed, so that it can be taken back. It is sent at once when the
// page is left. Keys 1, 2, 3 press the buttons of the marked question; 0 takes the last answer back.
"use strict";
(() => {
  const waiting = new Map(); // answers that are not sent yet, by the id of the question's card
  let begun = -Infinity; // when a button was last pressed
  const cards = () => [...document.querySelectorAll("#questions .question")];
  const shown = () => cards().filter((card) => !card.hidden && !card.classList.contains("blocked"));
  const marked = () => shown().find((card) => card.contains(document.activeElement)) || shown()[0];

  // Hides answered questions. Questions about the same goods are blocked meanwhile, since the numbers on their buttons will change.
  function arrange() {
    const goods = new Set([...waiting.values()].flatMap((answer) => answer.goods));
    for (const card of cards()) {
      card.hidden = waiting.has(card.id);
      const blocked = !card.hidden && card.dataset.goods.split(" ").some((one) => goods.has(one));
      card.classList.toggle("blocked", blocked);
      card.querySelectorAll("button").forEach((button) => { button.disabled = blocked; });
    }
    const now = marked();
    cards().forEach((card) => card.classList.toggle("marked", card === now));
  }

  function begin(form, button) {
    const card = form.closest(".question");
    if (waiting.has(card.id) || performance.now() - begun < 500) return; // a double click would hit the next question
    begun = performance.now();
    const line = document.getElementById("waits").content.firstElementChild.cloneNode(true);
    const answer = { line, left: 10, url: form.action, data: new FormData(form, button), goods: card.dataset.goods.split(" ").filter(Boolean) };
    const key = card.id;
    line.querySelector("[role=status]").textContent = `${card.querySelector("h2").textContent.trim()}: ${button.textContent.replace(/^\s*\d\s/, "").trim()}`;
    line.querySelector("[data-do=back]").addEventListener("click", () => end(key, true));
    line.querySelector("[data-do=now]").addEventListener("click", () => send(key));
    answer.timer = setInterval(() => {
      answer.left -= 1;
      line.querySelector("progress").value = answer.left;
      if (answer.left <= 0) send(key);
    }, 1000);
    waiting.set(key, answer);
    document.getElementById("waiting").append(line);
    arrange();
    marked()?.focus();
  }

  function end(key, focus) {
    const answer = waiting.get(key);
    clearInterval(answer.timer);
    answer.line.remove();
    waiting.delete(key);
    arrange();
    if (focus) { begun = -Infinity; document.getElementById(key)?.focus(); }
  }

  async function send(key) {
    const answer = waiting.get(key);
    if (answer.sent) return;
    answer.sent = true;
    clearInterval(answer.timer);
    answer.line.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    try {
      const reply = await fetch(answer.url, { method: "POST", body: answer.data, keepalive: true });
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (!reply.ok || !page.getElementById("questions")) throw new Error(reply.status);
      document.getElementById("messages").replaceWith(page.getElementById("messages"));
      if (!page.getElementById(key)) document.getElementById(key)?.remove();
      if (!isTyping()) htmx.swap("#questions", page.getElementById("questions").outerHTML, { swapStyle: "outerHTML" });
    } catch {
      const line = document.createElement("p");
      line.className = "message bad";
      line.textContent = document.body.dataset.failed;
      document.getElementById("messages").replaceChildren(line);
    }
    end(key);
  }

  function isTyping() {
    const fields = document.querySelectorAll("#questions input:not([type=hidden]), #questions textarea");
    return [...fields].some((field) => field.value !== field.defaultValue);
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.answers")) return;
    event.preventDefault();
    begin(event.target, event.submitter || event.target.querySelector("button.answer"));
  }, true); // before desk.js, which would disable the buttons

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, textarea, select")) return;
    const last = [...waiting.keys()].filter((key) => !waiting.get(key).sent).pop();
    if (event.key === "0" && last) end(last, true);
    if (!/^[1-9]$/.test(event.key)) return;
    const button = [...(marked()?.querySelectorAll("button.answer") || [])].find((one) => one.querySelector("kbd").textContent === event.key);
    const field = button?.form.querySelector(".field input");
    if (field) field.focus(); else button?.click();
    if (button) event.preventDefault();
  });

  const sendAll = () => [...waiting.keys()].forEach(send);
  window.addEventListener("pagehide", sendAll);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") sendAll(); });
  document.addEventListener("focusin", arrange);
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "questions" && isTyping()) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSettle", arrange);
  arrange();
})();

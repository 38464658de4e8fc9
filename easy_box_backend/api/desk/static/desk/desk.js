// For every page: the window's title is the page's heading, and the buttons of a form are disabled once it is sent.
"use strict";

document.title = (document.querySelector("h1")?.textContent.trim() || "Easy Box") + " – Easy Box";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  // After the form is sent: the browser leaves out the name and value of a disabled button.
  setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
});

// A page from the browser's history may have disabled buttons.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form button:disabled:not([data-off])").forEach((button) => { button.disabled = false; });
});

// If a request of htmx fails, show a message.
document.addEventListener("htmx:responseError", (event) => {
  const place = document.getElementById("messages");
  if (!place || event.detail.xhr.status === 401) return;
  const line = document.createElement("p");
  line.className = "message bad";
  line.textContent = document.body.dataset.failed;
  place.replaceChildren(line);
});

// A box with `data-all` ticks all boxes of its form with that name. Ticked boxes stay ticked when the list is updated.
document.addEventListener("change", (event) => {
  const name = event.target.dataset?.all;
  if (name) [...event.target.form.elements].forEach((box) => { if (box.name === name) box.checked = event.target.checked; });
});
let ticked = [];
document.addEventListener("htmx:beforeSwap", (event) => {
  ticked = [...event.detail.target.querySelectorAll("input[type=checkbox][id]:checked")].map((box) => box.id);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of ticked) if (document.getElementById(id)) document.getElementById(id).checked = true;
});

// A key pressed while no field has the focus goes into the page's main field, so that no scanned code loses its beginning.
document.addEventListener("keydown", (event) => {
  const isText = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.altKey && !event.metaKey; // a space scrolls
  if (!isText || document.activeElement !== document.body) return;
  document.querySelector("[autofocus]")?.focus();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// A region with `data-still` is not updated by changes elsewhere while somebody types in it.
document.addEventListener("htmx:beforeRequest", (event) => {
  const typing = event.target.matches?.("[data-still]") && event.target.querySelector("input:not([type=checkbox]):focus");
  if (typing && event.detail.requestConfig.triggeringEvent?.type === "changed") event.preventDefault();
});

// A form with `data-drop` is sent as soon as a photo is chosen for it or dropped onto it.
document.addEventListener("change", (event) => {
  if (event.target.type === "file" && event.target.closest("[data-drop]")) event.target.form.requestSubmit();
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const form = event.target.closest?.("[data-drop]");
    if (!form) return;
    event.preventDefault();
    form.classList.toggle("over", kind === "dragover");
    if (kind !== "drop" || !event.dataTransfer.files.length) return;
    const field = form.querySelector("input[type=file]");
    field.files = event.dataTransfer.files;
    form.requestSubmit();
  });
}

// The only script of our own. Every page works without it.
"use strict";

// A link with data-cl-dialog="ID" opens the dialog with that id; without script it leads to the
// same confirmation as a page. data-cl-close closes the dialog around it.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-cl-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.clDialog);
  if (dialog) {
    event.preventDefault();
    dialog.showModal(); // the browser gives focus back to the opener when it closes
  }
  const closer = event.target.closest("[data-cl-close]");
  if (closer && closer.closest("dialog")) {
    event.preventDefault();
    closer.closest("dialog").close();
  }
});

// data-cl-dismiss="SELECTOR" removes what is around it; without script the page loads again.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-cl-dismiss]");
  const dismissed = link && link.closest(link.dataset.clDismiss);
  if (dismissed) {
    event.preventDefault();
    dismissed.remove();
    document.getElementById("content").focus();
  }
});

// A form is sent once. Its button says what happens: data-cl-busy="Bestelling wordt verstuurd".
document.addEventListener(
  "submit",
  (event) => {
    const button = event.submitter;
    if (!button || event.target.method === "get" || event.target.method === "dialog") {
      return;
    }
    if (button.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    button.setAttribute("aria-disabled", "true");
    if (button.dataset.clBusy) {
      button.dataset.clLabel = button.textContent;
      button.textContent = button.dataset.clBusy;
    }
  },
  true,
);

// What the rules bar stays barred until the page is drawn anew: data-cl-barred.
function release(root) {
  const busy = "button[aria-disabled=true]:not([data-cl-barred])";
  for (const button of root.querySelectorAll(busy)) {
    button.removeAttribute("aria-disabled");
    if (button.dataset.clLabel) {
      button.textContent = button.dataset.clLabel;
      delete button.dataset.clLabel;
    }
  }
}

// The answer came, or the person went back: the button may be pressed again.
document.addEventListener("htmx:afterRequest", (event) =>
  release(event.detail.elt.closest("form") || document),
);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    release(document);
  }
});

// What a form asks while it is filled in goes where the form says: htmx would take the address of
// the button that somebody is about to press (its formaction) and do at once what that is for.
document.addEventListener("htmx:configRequest", (event) => {
  const form = event.detail.elt;
  if (event.detail.triggeringEvent?.type !== "submit" && form.matches("form[hx-post]")) {
    event.detail.path = form.getAttribute("hx-post");
  }
});

// What somebody opened or closed in a region that polls stays so when the region is replaced.
const chosen = new Map();
document.addEventListener("click", (event) => {
  const details = event.target.closest("summary")?.parentElement;
  if (details?.id) {
    chosen.set(details.id, !details.open);
  }
});
document.addEventListener("htmx:afterSwap", () => {
  for (const [id, isOpen] of chosen) {
    document.getElementById(id)?.toggleAttribute("open", isOpen);
  }
});

// An answer that swaps nothing leaves the person in the dark; say so.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, () => {
    const template = document.getElementById("connection-lost");
    document.getElementById("messages-live").textContent = template.content.textContent;
  });
}

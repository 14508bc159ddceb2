// A field that was checked while one types: the server swaps its message alone, so the field is marked here.
(() => {
  "use strict";
  document.addEventListener("htmx:afterSwap", (event) => {
    const message = event.detail.target;
    if (!message.matches(".message")) return;
    const field = message.closest(".field")?.querySelector("input, select, textarea");
    if (message.querySelector(".error")) field?.setAttribute("aria-invalid", "true");
    else field?.removeAttribute("aria-invalid");
  });
})();

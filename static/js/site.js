// The pages work without this file. It adds: focus and announcements after a swap, a bar while a request runs,
// words when a request fails, notices that close, copying, the wait before another code, figures while one types, ticks.
(() => {
  "use strict";
  const root = document.documentElement;
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  const announce = (text) => {
    const place = find("#announcer");
    if (!place) return;
    place.textContent = "";
    // a reader speaks of a change only, so the same words twice need an empty moment between
    setTimeout(() => { place.textContent = text; }, 60);
  };
  document.addEventListener("announce", (event) => announce(event.detail));

  // ---- the person's time zone, for the server: times are shown in it from the next page on ------------------------
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (/^[\w+\-/]{1,64}$/.test(zone || "") && !document.cookie.split("; ").includes(`tz=${zone}`)) {
    document.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  }

  // ---- notices -------------------------------------------------------------------------------------------------
  const STAYS_MS = 9000;
  const arm = (toast) => {
    if (!toast.matches(".success, .info")) return;
    let timer;
    const hold = () => clearTimeout(timer);
    const wait = () => { hold(); timer = setTimeout(() => toast.remove(), STAYS_MS); };
    toast.addEventListener("mouseenter", hold);
    toast.addEventListener("focusin", hold);
    toast.addEventListener("mouseleave", wait);
    toast.addEventListener("focusout", wait);
    wait();
  };
  // the words are in <template> elements, so that the server translates them
  const notify = (name) => {
    const place = find("#toasts");
    const template = find(`template#toast-${name}`);
    if (!place || !template) return;
    all(`[data-toast="${name}"]`, place).forEach((old) => old.remove());
    place.append(template.content.cloneNode(true));
    announce(place.lastElementChild.innerText.trim());
  };

  // ---- focus ---------------------------------------------------------------------------------------------------
  const FIELD = "input:not([type=hidden], :disabled), select:not(:disabled), textarea:not(:disabled)";
  const focusIn = (region) => {
    const wanted = find("[data-error-summary], [aria-invalid=true]", region) || find("[data-focus]", region);
    if (!wanted) return;
    const target = wanted.matches("[data-focus]") ? find(FIELD, wanted) || wanted : wanted;
    if (!target.matches(`${FIELD}, a[href], button, [tabindex]`)) target.tabIndex = -1;
    target.focus();
  };

  // ---- the wait before another code may be asked for -------------------------------------------------------------
  const startWaits = (region) => all("[data-wait]", region).forEach((place) => {
    const button = find("button", place);
    const words = find("[data-wait-words]", place);
    const figure = find("[data-wait-seconds]", place);
    if (!button || !figure || place.dataset.started) return;
    place.dataset.started = "yes";
    const until = Date.now() + 1000 * Number(place.dataset.wait);
    button.disabled = true;
    const tick = () => {
      if (!place.isConnected) return;
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left > 0) {
        figure.textContent = String(left);
        setTimeout(tick, 250);
      } else {
        button.disabled = false;
        words.hidden = true;
      }
    };
    tick();
  });

  // ---- figures while one types: whole numbers and decimal text, never a float -----------------------------------
  const grouped = (digits) => new Intl.NumberFormat(root.lang).format(BigInt(digits));
  const perMillion = (text) => {
    const parts = /^(\d{0,9})(?:\.(\d{0,12}))?$/.exec(text.trim());
    if (!parts || !/\d/.test(text)) return "";
    const cents = (parts[2] || "").padEnd(3, "0");
    return `$${grouped(parts[1] + cents.slice(0, 3))}.${cents.slice(3).replace(/0+$/, "").padEnd(2, "0")}`;
  };
  const total = (texts) => {
    const counts = texts.map((text) => text.trim().replace(/[\s,]/g, ""));
    if (counts.some((count) => !/^\d{0,16}$/.test(count))) return "–";
    return grouped(counts.reduce((sum, count) => sum + BigInt(count || 0), 0n).toString());
  };
  const reckon = (region) => all("[data-reckon]", region).forEach((place) => {
    const fields = place.dataset.of.split(" ").map((id) => document.getElementById(id)).filter(Boolean);
    const figure = find("[data-figure]", place);
    const show = () => {
      const values = fields.map((field) => field.value);
      figure.textContent = place.dataset.reckon === "per-million" ? perMillion(values[0] || "") : total(values);
      figure.closest("[data-if-known]")?.toggleAttribute("hidden", !figure.textContent);
    };
    fields.forEach((field) => field.addEventListener("input", show));
    show();
  });

  // ---- ticked to be compared: what was ticked stays so while the list is turned over or narrowed ------------------
  const picking = find("[data-picks]");
  const ticks = () => all("[data-pick]");
  const kept = () => all("input[type=hidden][name=service]", picking);
  const keep = (number) => {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: "service", value: number });
    picking.append(input);
  };
  const countPicks = () => {
    const most = Number(picking.dataset.picks);
    const count = ticks().filter((tick) => tick.checked).length + kept().length;
    find("[data-figure]", picking).textContent = String(count);
    picking.toggleAttribute("data-any", count > 0);
    find("button:not([type=button])", picking).disabled = count < 2;
    ticks().forEach((tick) => { tick.disabled = !tick.checked && count >= most; });
  };
  // before the rows go, the ticked ones are kept as hidden fields; rows that are here again take their own back
  const leavePicks = () => { if (picking) ticks().filter((tick) => tick.checked).forEach((tick) => keep(tick.value)); };
  const takePicks = () => {
    if (!picking) return;
    kept().forEach((input) => {
      const tick = ticks().find((each) => each.value === input.value);
      if (!tick) return;
      tick.checked = true;
      input.remove();
    });
    countPicks();
  };
  document.addEventListener("change", (event) => { if (event.target.matches("[data-pick]")) countPicks(); });

  const prepare = (region) => {
    startWaits(region);
    reckon(region);
    if (region === document || region.matches?.("#results")) takePicks();
    all(".toast", region).forEach(arm);
  };

  // ---- clicks ----------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const closer = event.target.closest("[data-close]");
    if (closer) closer.closest(".toast").remove();
    if (picking && event.target.closest("[data-unpick]")) {
      kept().forEach((input) => input.remove());
      ticks().forEach((tick) => { tick.checked = false; });
      countPicks();
    }
    const copier = event.target.closest("[data-copy]");
    if (copier && navigator.clipboard) {
      navigator.clipboard.writeText(copier.dataset.copy).then(() => {
        copier.dataset.done = "yes";
        announce(copier.dataset.copied);
        setTimeout(() => { delete copier.dataset.done; }, 1800);
      });
    }
  });
  document.addEventListener("keydown", (event) => {
    const closer = event.key === "Escape" && !find("dialog[open]") && find("#toasts .toast:last-child [data-close]");
    if (!closer) return;
    event.preventDefault();
    closer.click();
  });

  // ---- one submit at a time, and a sign that it runs -------------------------------------------------------------
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || !button.matches(".btn, .link")) return;
    if (button.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    button.setAttribute("aria-busy", "true");
    root.classList.add("busy");
  }, true);  // before htmx sees it
  // what one request was waited for with; or all, on a page that comes back
  const settle = ({ detail } = {}) => {
    const waited = detail?.requestConfig
      ? [detail.elt, detail.target, detail.requestConfig.triggeringEvent?.submitter]
      : all("[aria-busy=true]");
    waited.forEach((place) => place?.removeAttribute("aria-busy"));
    root.classList.toggle("busy", Boolean(find("[aria-busy=true]")));
  };
  // a page that comes back by the Back button was left in the middle of a submit
  addEventListener("pageshow", settle);

  // ---- htmx ------------------------------------------------------------------------------------------------------
  // an error's body is only ours to show if it is a part of a page, and not a proxy's own text
  const isPart = (xhr) => !/^\s*<(!doctype|html)\b/i.test(xhr.responseText)
    && (xhr.status < 400 || (/html/.test(xhr.getResponseHeader("Content-Type")) && /<form|<section/.test(xhr.responseText)));
  // a region that was loading says that it could not, instead of waiting for ever
  const giveUp = (region) => {
    if (region && find(".skeleton", region)) region.dataset.failed = "yes";
  };
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.triggeringEvent?.type === "behind") return;
    event.detail.target.setAttribute("aria-busy", "true");
    root.classList.add("busy");
  });
  document.addEventListener("htmx:afterRequest", settle);
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target, requestConfig } = event.detail;
    const asked = new URL(requestConfig.path, location.href).pathname;
    const redirected = xhr.responseURL && new URL(xhr.responseURL).pathname !== asked;
    if (xhr.status === 204 || (isPart(xhr) && !redirected)) {
      if (target.id === "results") leavePicks();
      return;
    }
    // neither a whole page nor another page's part goes into this one: signed out elsewhere, or an error page
    event.detail.shouldSwap = false;
    giveUp(target);
    if (xhr.status < 400) location.assign(xhr.responseURL);
    else notify(xhr.status < 500 ? "refused" : "failed");
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const { elt, requestConfig } = event.detail;
    const region = elt.isConnected ? elt : document;
    prepare(region);
    const words = region.matches?.("[data-announce]") ? region : find("[data-announce]", region);
    // what the page asked for by itself, again and again, is not read out
    if (words && requestConfig?.triggeringEvent?.type !== "behind") announce(words.dataset.announce);
    // the link that was pressed went with the old list
    if (region.id === "results" && requestConfig?.triggeringEvent?.type === "click" && document.activeElement === document.body) {
      region.tabIndex = -1;
      region.focus({ preventScroll: true });
    }
    // what loads by itself must not take the focus away from a person
    if (requestConfig?.triggeringEvent?.type === "submit") focusIn(region);
  });
  const lost = (event) => {
    giveUp(event.detail.target);
    notify("offline");
  };
  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);

  prepare(document);
  focusIn(document);
  announce(all("#toasts .toast > div").map((words) => words.innerText.trim()).join(" "));
})();

/* Comfort on top of pages that work without it: the hold's countdown, forms sent once, focus on what went wrong.
   All words come from the page (data attributes), so that they are translated there. */
(() => {
  "use strict";

  // <p class="hold" data-hold-seconds="754" data-words-expired="…" data-words-5="…" data-words-1="…">
  //   … <span data-countdown hidden></span></p> <p class="visually-hidden" role="status" data-hold-said></p>
  // Seconds from the server, not a clock time: the visitor's clock may be wrong, but it runs.
  for (const hold of document.querySelectorAll("[data-hold-seconds]")) {
    const shown = hold.querySelector("[data-countdown]");
    const said = document.querySelector("[data-hold-said]");
    const end = Date.now() + Number(hold.dataset.holdSeconds) * 1000;
    const warnings = [5, 1].filter((minutes) => Number(hold.dataset.holdSeconds) > minutes * 60);
    const say = (words) => { if (said && words) said.textContent = words; };
    const tick = () => {
      const left = Math.max(0, Math.round((end - Date.now()) / 1000));
      shown.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      if (warnings.length && left <= warnings[0] * 60) say(hold.dataset[`words${warnings.shift()}`]);
      if (left === 0) {
        clearInterval(timer);
        hold.classList.add("notice-warn");
        hold.querySelector("[data-hold-words]").textContent = hold.dataset.wordsExpired;
        shown.hidden = true;
        say(hold.dataset.wordsExpired);
      }
    };
    const timer = setInterval(tick, 1000);
    shown.hidden = false;
    tick();
  }

  // A second click on the same button does nothing; the server would notice a double order anyway.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
    setTimeout(() => restore(form), 8000); // the net may have failed: let people try again
  });
  const restore = (form) => {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
  };
  // Back from the next page: the browser shows this one as it was left.
  addEventListener("pageshow", (event) => { if (event.persisted) document.querySelectorAll("form").forEach(restore); });

  // <form data-keep>: a link that leads away sends what was typed along, so that it waits there.
  const kept = document.querySelector("form[data-keep]");
  if (kept) {
    let typed = false;
    kept.addEventListener("input", () => { typed = true; });
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href]");
      const plain = !event.defaultPrevented && !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
      if (!typed || !plain || !link || link.target || link.origin !== location.origin) return;
      if (link.hash && link.pathname === location.pathname) return;
      event.preventDefault();
      const to = document.createElement("input");
      Object.assign(to, { type: "hidden", name: "to", value: link.pathname + link.search });
      kept.append(to);
      kept.submit();
      to.remove();
    });
  }

  const summary = document.getElementById("error-summary") ?? document.getElementById("new-questions");
  if (summary) summary.focus();
})();

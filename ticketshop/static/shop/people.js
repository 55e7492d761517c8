/* Names and known answers follow whom a ticket is for, at once; the server does the same when the page is sent.
   What was typed stays: names count as one, so whoever changed one of them has typed both; so do the parts of an address. */
(() => {
  "use strict";
  const NAMES = ["first_name", "last_name"];
  const buyer = (name) => document.getElementsByName(`buyer-${name}`)[0]?.value.trim();

  for (const select of document.querySelectorAll("select[data-people]")) {
    const inputs = select.closest("fieldset").querySelectorAll("[data-known]");
    let filled = JSON.parse(select.dataset.people);
    const knownNow = () => {
      const known = JSON.parse(select.selectedOptions[0]?.dataset.known ?? "{}");
      // The buyer as they stand on this page.
      if (select.value === "me" && NAMES.some(buyer)) for (const name of NAMES) known[name] = buyer(name);
      return known;
    };
    const group = ({ dataset: { known } }) => (NAMES.includes(known) ? "name" : known.split(".")[0]);
    const follow = () => {
      const known = knownNow();
      const isTyped = (which) => {
        const those = [...inputs].filter((one) => group(one) === which);
        return those.some((one) => one.value.trim()) && !those.every((one) => one.value.trim() === (filled[one.dataset.known] ?? ""));
      };
      const typed = new Set([...inputs].map(group).filter(isTyped));
      const next = {};
      for (const input of inputs) {
        const name = input.dataset.known;
        if (typed.has(group(input))) continue;
        next[name] = known[name] ?? "";
        if (input.value === next[name]) continue;
        input.value = next[name];
        input.dispatchEvent(new Event("input", { bubbles: true }));
      }
      filled = next;
    };
    select.addEventListener("change", follow);
    // Chosen before this script was there.
    if (!select.selectedOptions[0]?.defaultSelected) follow();
    for (const name of NAMES)
      document.getElementsByName(`buyer-${name}`)[0]?.addEventListener("input", () => { if (select.value === "me") follow(); });
  }
})();

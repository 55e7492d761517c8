// The counter: the total of what is typed, told at once. Without a script the page of the order tells it.
(() => {
  "use strict";
  const form = document.getElementById("counter");
  const total = document.getElementById("counter-total");
  if (!form || !total) return;
  const amount = new Intl.NumberFormat(document.documentElement.lang || "en", { style: "currency", currency: form.dataset.currency });
  const follow = () => {
    const invited = form.querySelector("input[name=method][value=invitation]:checked");
    let cents = 0;
    for (const field of form.querySelectorAll("input[data-price]")) {
      const number = /^\s*\d{1,3}\s*$/.test(field.value) ? Number(field.value) : 0;
      cents += number * Math.round(Number(field.dataset.price) * 100);
    }
    // There are no Swiss coins below 0.05.
    if (form.dataset.currency === "CHF" && form.querySelector("input[name=method][value=cash]:checked")) cents = Math.round(cents / 5) * 5;
    total.textContent = amount.format(invited ? 0 : cents / 100);
    total.hidden = false;
  };
  form.addEventListener("input", follow);
  form.addEventListener("change", follow);
  follow();
})();

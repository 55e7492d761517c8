// Of a question's page only what its type and its condition need is shown. Without a script all of it is there.
(() => {
  "use strict";
  const row = (field) => field && (field.closest(".form-row, .fieldBox") || field.parentElement);
  const show = (field, shown) => { const found = row(field); if (found) found.hidden = !shown; };

  const type = document.querySelector("select[data-choices]");
  if (type) {
    const kinds = type.dataset.choices.split(" ");
    const lines = document.querySelectorAll("textarea[name^=lines]");
    const follow = () => {
      const needed = !type.value || kinds.includes(type.value);
      lines.forEach((one) => show(one, needed || one.value !== ""));
    };
    type.addEventListener("change", follow);
    follow();
  }

  for (const question of document.querySelectorAll("select[data-condition]")) {
    const name = question.dataset.condition;
    const answers = JSON.parse(question.dataset.answers);
    const [op, choice, text] = ["op", "choice", "text"].map((part) => document.querySelector(`[name=${name}_${part}]`));
    const all = choice.cloneNode(true);
    const follow = () => {
      const kind = answers[question.value];
      const compares = op.value === "is" || op.value === "is_not";
      const chosen = choice.value;
      choice.replaceChildren(...all.cloneNode(true).childNodes);
      for (const option of [...choice.options]) {
        const fits = option.value === "" || option.dataset.of === question.value
          || (kind === "yes_no" && (option.value === "yes" || option.value === "no"));
        if (!fits) option.remove();
      }
      for (const group of choice.querySelectorAll("optgroup")) if (!group.children.length) group.remove();
      choice.value = chosen;
      if (choice.selectedIndex < 0) choice.value = "";
      // What is not shown is not sent: another operator or question leaves nothing behind that nobody sees.
      for (const [field, fits] of [[choice, kind !== "text"], [text, kind === "text"]]) {
        const needed = kind === undefined ? field.value !== "" : compares && fits;
        field.disabled = !needed;
        show(field, needed);
      }
    };
    question.addEventListener("change", follow);
    op.addEventListener("change", follow);
    follow();
  }
})();

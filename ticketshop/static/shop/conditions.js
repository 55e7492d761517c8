/* Questions under a condition appear and go while somebody answers. The same rule as registration_forms/conditions.py:
   a hidden question decides nothing, one without an answer meets only "is not answered". The server decides once more. */
(() => {
  "use strict";

  // What is known of a question: its answers; null where it is answered with something that can't be right.
  const isMet = (term, known) => {
    if ("met" in term) return term.met;
    const answers = known.get(term.field);
    if (!answers) return false;
    if (term.op === "empty" || !answers.length) return term.op === "empty" && !answers.length;
    if (term.op === "filled") return true;
    const equal = [term.value].flat().some((one) => answers.includes(one));
    return term.op === "is_not" ? !equal : equal;
  };
  const holds = ({ all, any }, known) =>
    any ? any.some((term) => isMet(term, known)) : !all || all.every((term) => isMet(term, known));

  const controls = (row) => row.querySelectorAll("input, select, textarea");
  // Answers as the server compares them.
  const INVISIBLE = /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
  const read = {
    consent: () => "yes",
    number: (text) => String(+text.replace(/[\s'’]/g, "").replace(",", ".")),
  };
  // Browsers refuse e-mail addresses with letters that the server accepts, as in bücher.example.
  const isWrong = ({ validity, value }) =>
    !(validity.valid || validity.valueMissing || (validity.typeMismatch && /[^\0-\x7f]/.test(value)));
  const answersOf = (row, type) => {
    const texts = [];
    for (const one of controls(row)) {
      if (isWrong(one)) return null;
      if ((one.type === "radio" || one.type === "checkbox") && !one.checked) continue;
      const text = one.value.normalize("NFC").replace(INVISIBLE, "").trim();
      if (text) texts.push((read[type] ?? String)(text));
    }
    return texts.includes("NaN") && type === "number" ? null : texts;
  };

  const follow = (block) => {
    const data = JSON.parse(block.querySelector("script[type='application/json']").textContent);
    const drawn = block.querySelector(`[name="${data.prefix}-drawn"]`);
    const rows = new Map();
    let last = block.querySelector("script");
    for (const { key } of data.questions) {
      let row = block.querySelector(`[data-question="${key}"]`);
      if (!row) {
        // Drawn by the server, by the template of the page itself.
        row = new DOMParser().parseFromString(data.html[key], "text/html").querySelector("[data-question]");
        last.after(row);
      }
      row.querySelector("[data-note]")?.remove();
      rows.set(key, row);
      last = row;
    }
    const update = () => {
      const known = new Map();
      for (const { key, type, if: condition } of data.questions) {
        const row = rows.get(key);
        row.hidden = !holds(condition, known);
        // What is hidden is not sent; what was typed there waits for the case that it is asked again.
        for (const one of controls(row)) one.disabled = row.hidden;
        if (!row.hidden) known.set(key, answersOf(row, type));
      }
      drawn.value = data.questions.filter((one) => one.if.all || one.if.any).map((one) => one.key).filter((key) => known.has(key)).join(" ");
    };
    block.addEventListener("input", update);
    block.addEventListener("change", update);
    // Back from the next page, the browser puts in what was answered.
    addEventListener("pageshow", update);
    update();
  };
  document.querySelectorAll("[data-conditions]").forEach(follow);
})();

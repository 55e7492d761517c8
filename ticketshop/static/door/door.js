/* The page that scans: stays on the page, answers with sound and vibration, reads codes with the camera.
   All words come from the page (data attributes), so that they are translated there. */
(() => {
  "use strict";

  const form = document.querySelector("form.code");
  const field = form.elements.code;
  const answer = document.querySelector("#answer");
  const count = document.querySelector("#count");
  const words = form.dataset;
  const PATIENCE = 4000; // milliseconds for an answer of the server while a person waits
  const LONG = 20000; // while nobody waits

  // --- sound and vibration --------------------------------------------------------------------------------------
  // Browsers allow sound after the first tap or key only.
  let audio = null;
  for (const gesture of ["pointerdown", "keydown"]) {
    addEventListener(gesture, () => { audio ??= new AudioContext(); if (audio.state === "suspended") audio.resume(); });
  }

  const tone = (kind, pitch, begins, lasts) => {
    const source = new OscillatorNode(audio, { type: kind, frequency: pitch });
    const volume = new GainNode(audio, { gain: 0.4 });
    source.connect(volume).connect(audio.destination);
    source.start(audio.currentTime + begins);
    source.stop(audio.currentTime + begins + lasts);
  };

  const signal = (welcome) => {
    navigator.vibrate?.(welcome ? 80 : [250, 100, 250]);
    if (!audio) return;
    if (welcome) { tone("sine", 880, 0, 0.1); tone("sine", 1320, 0.12, 0.14); }
    else { tone("square", 180, 0, 0.2); tone("square", 180, 0.28, 0.3); }
  };

  // --- the coloured field ----------------------------------------------------------------------------------------
  const paragraph = (name, text) => {
    const element = document.createElement("p");
    element.className = name;
    const inside = document.createElement("bdi");
    inside.textContent = text;
    element.append(inside);
    return element;
  };

  const questionList = (questions) => {
    const element = document.createElement("dl");
    for (const [label, text] of questions) {
      const row = document.createElement("div");
      const term = document.createElement("dt");
      const value = document.createElement("dd");
      term.textContent = `${label} `;
      value.textContent = text;
      row.append(term, value);
      element.append(row);
    }
    return element;
  };

  const show = (found) => {
    const parts = [];
    const word = paragraph("word", "");
    const sign = document.createElement("span");
    sign.setAttribute("aria-hidden", "true");
    sign.textContent = found.welcome ? "✓ " : "✕ ";
    word.replaceChildren(sign, found.word);
    parts.push(word);
    for (const name of ["detail", "tariff", "name", "age"]) if (found[name]) parts.push(paragraph(name, found[name]));
    if (found.questions?.length) parts.push(questionList(found.questions));
    if (found.url) {
      const next = paragraph("next", "");
      const link = document.createElement("a");
      link.href = found.url;
      link.textContent = found.link;
      next.replaceChildren(link);
      parts.push(next);
    }
    answer.className = `answer ${found.welcome ? "good" : "bad"}`;
    answer.replaceChildren(...parts);
    signal(found.welcome);
  };

  const showCount = (figures) => {
    const number = document.createElement("strong");
    number.textContent = figures.in;
    const [before, between, after] = words.count.split(/\{[a-z]+\}/);
    count.replaceChildren(before, number, `${between}${figures.sold}${after}`);
  };

  // As random as a UUID; crypto.randomUUID exists on secure pages only.
  const newKey = () => {
    const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };

  // --- what is stored on this device ---------------------------------------------------------------------------------
  // The list of hashed codes, and the entries that the server has not seen yet: code, key, gate and time, no names.
  const place = (name) => `door:${words.session}:${name}`;
  const stored = (name) => { try { return JSON.parse(localStorage.getItem(place(name))); } catch { return null; } };
  const store = (name, value) => localStorage.setItem(place(name), JSON.stringify(value));
  const queue = () => stored("queue") ?? [];
  const setQueue = (entries) => {
    store("queue", entries);
    // While entries wait, a log-out must not clear the storage of this browser.
    document.cookie = `door_waits=${entries.length ? 1 : ""}; path=/; SameSite=Lax; max-age=${entries.length ? 259200 : 0}`;
    showNet();
  };
  let list = stored("list");

  const compact = (code) => code.normalize("NFKC").toUpperCase().replace(/[^\p{L}\p{N}]/gu, "").slice(0, 60);
  const hashOf = async (code) => {
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(list.salt + code));
    return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, list.digits);
  };

  // --- the network ------------------------------------------------------------------------------------------------------
  const net = document.querySelector("#net");
  let offline = false;
  let loggedOut = false;
  let conflicts = 0;

  const showNet = () => {
    const waits = queue().length;
    const parts = [];
    if (loggedOut) parts.push(words.loggedOut);
    else if (offline) parts.push(words.noNetwork);
    if (waits) parts.push(words.waiting.replace("{count}", waits));
    if (conflicts) parts.push(words.conflicts.replace("{count}", conflicts));
    net.hidden = !parts.length;
    net.replaceChildren(parts.join(" "));
    if (loggedOut || conflicts) {
      const link = document.createElement("a");
      link.href = loggedOut ? location.pathname : words.countUrl;
      link.textContent = loggedOut ? words.logIn : words.look;
      net.append(" ", link);
    }
  };

  // Raise an error unless the server answers as it should. Another answer than one of its own pages for scripts means: log in again.
  const json = async (url, options = {}, patience = LONG) => {
    const headers = { Accept: "application/json" };
    const response = await fetch(url, { ...options, headers, signal: AbortSignal.timeout(patience) });
    // The log-in page, to which a request without a log-in session is redirected, answers in JSON, too.
    const fine = !response.redirected && response.headers.get("Content-Type")?.startsWith("application/json");
    loggedOut = !fine && response.status < 500;
    if (!fine) throw new Error(`status ${response.status}`);
    return response.json();
  };
  const post = (url, values, patience = LONG) => {
    const body = new FormData();
    body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    for (const [name, value] of Object.entries(values)) body.set(name, value);
    return json(url, { method: "POST", body }, patience);
  };

  const refresh = async () => {
    if (!crypto.subtle) return;
    list = await json(words.codesUrl);
    try { store("list", list); } catch { /* too long for the storage: kept as long as the page is open */ }
  };

  let sending = false;
  const send = async () => {
    if (sending) return;
    sending = true;
    try {
      while (queue().length) {
        const given = await post(words.queueUrl, { "entries-code": JSON.stringify(queue().slice(0, 200)) });
        const seen = new Set(given.seen);
        const left = queue().filter((entry) => !seen.has(entry.key));
        const stuck = left.length === queue().length;
        setQueue(left);
        conflicts += given.conflicts;
        showCount(given.count);
        if (stuck) break;
      }
      await refresh();
      offline = false;
    } catch {
      offline = true;
    }
    sending = false;
    showNet();
  };

  // --- one code -------------------------------------------------------------------------------------------------------
  // In the time zone of the organiser and from 0 to 24 hours, as the server writes it.
  const timeOf = (at) => new Date(at).toLocaleTimeString("fr", { hour: "2-digit", minute: "2-digit", timeZone: words.timeZone });

  // The answer without network, from the list and from what this device has let in.
  const decide = async (code) => {
    if (!list || !crypto.subtle) return { welcome: false, word: words.unanswered, detail: words.again };
    if (list.cancelled) return { welcome: false, ...list.date_cancelled };
    const [state, number, times] = list.codes[await hashOf(code)] ?? [];
    // The code of a pass may let in several people.
    const before = queue().filter((entry) => entry.code === code);
    if (before.length && before.length >= (times ?? 1)) {
      return { welcome: false, ...list.refused.used, detail: words.letInAt.replace("{time}", timeOf(before.at(-1).at)) };
    }
    if (!state) return { welcome: false, word: words.unknown, detail: words.notListed };
    const tariff = list.tariffs[number] ?? {};
    if (state !== "valid") return { welcome: false, ...list.refused[state], tariff: tariff.name };
    return { welcome: true, word: words.welcome, detail: words.decidedHere, tariff: tariff.name, age: tariff.age };
  };

  const letInHere = async (typed, key) => {
    const code = compact(typed);
    const given = await decide(code);
    if (given.welcome) {
      setQueue([...queue(), { code, key, gate: form.elements.gate.value, at: Date.now() }]);
    }
    show(given);
  };

  // One after the other, in the order in which they were scanned.
  let waiting = Promise.resolve();
  const check = (code) => {
    const key = newKey();
    waiting = waiting.then(async () => {
      answer.setAttribute("aria-busy", "true");
      try {
        if (offline) await letInHere(code, key);
        else {
          const given = await post(form.action, { code, key, gate: form.elements.gate.value }, PATIENCE);
          show(given.answer);
          showCount(given.count);
          if (given.answer.code === "welcome" && list) {
            const hash = await hashOf(compact(code));
            const [, number, times] = list.codes[hash] ?? [];
            list.codes[hash] = times > 1 ? ["valid", number, times - 1] : ["used", null];
          }
        }
      } catch {
        offline = true;
        // The server may have let the person in already: the same key makes it one entry.
        await letInHere(code, key);
        showNet();
      }
      answer.removeAttribute("aria-busy");
    });
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const code = field.value.trim();
    field.value = "";
    field.focus();
    if (code) check(code);
  });

  // A hardware scanner types like a keyboard, wherever the focus is, and presses Enter at the end.
  addEventListener("keydown", (event) => {
    const elsewhere = !event.target.closest?.("input, a, button, video");
    if (elsewhere && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) field.focus();
  });

  // --- the camera ---------------------------------------------------------------------------------------------------
  const video = document.querySelector("#camera");
  const button = document.querySelector("#camera-button");
  const PAUSE = 120; // milliseconds between two pictures
  const SAME = 4000; // milliseconds in which the same code in front of the camera is one scan

  const nativeReader = async () => {
    if (!("BarcodeDetector" in window)) return null;
    const formats = await BarcodeDetector.getSupportedFormats();
    if (!formats.includes("qr_code")) return null;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async () => (await detector.detect(video))[0]?.rawValue;
  };

  const load = (source) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    script.src = source;
    document.head.append(script);
  });

  const ownReader = async () => {
    await load(button.dataset.reader);
    const overrides = { locateFile: () => button.dataset.wasm };
    await ZXingWASM.prepareZXingModule({ overrides, fireImmediately: true });
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const options = { formats: ["QRCode"], maxNumberOfSymbols: 1 };
    return async () => {
      const shrink = Math.min(1, 800 / video.videoWidth);
      canvas.width = Math.round(video.videoWidth * shrink);
      canvas.height = Math.round(video.videoHeight * shrink);
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      const found = await ZXingWASM.readBarcodes(context.getImageData(0, 0, canvas.width, canvas.height), options);
      return found[0]?.text;
    };
  };

  let stream = null;
  let lock = null;
  let last = { code: "", at: 0 };

  const watch = async (read) => {
    while (stream) {
      if (video.videoWidth && !document.hidden) {
        const code = await read().catch(() => "");
        const now = Date.now();
        if (code && (code !== last.code || now - last.at > SAME)) check(code);
        if (code) last = { code, at: now };
      }
      await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
    }
  };

  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    lock?.release().catch(() => {});
    stream = lock = null;
    video.hidden = true;
    button.setAttribute("aria-pressed", "false");
  };

  const start = async () => {
    button.disabled = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
      video.srcObject = stream;
      video.hidden = false;
      await video.play();
      const read = (await nativeReader()) ?? (await ownReader());
      button.setAttribute("aria-pressed", "true");
      lock = await navigator.wakeLock?.request("screen").catch(() => null);
      watch(read);
    } catch {
      stop();
      show({ welcome: false, word: words.noCamera, detail: words.type });
    }
    button.disabled = false;
  };

  // --- start ----------------------------------------------------------------------------------------------------------
  const unchecked = answer.querySelector("[data-ready]");
  if (unchecked) unchecked.textContent = unchecked.dataset.ready; // the code was stored here, or its answer was seen
  setQueue(queue());
  send();
  addEventListener("online", send);
  addEventListener("offline", () => { offline = true; showNet(); });
  setInterval(() => { if (offline || queue().length) send(); }, 5000);
  setInterval(() => { if (!offline && !document.hidden) send(); }, 120000);

  if (navigator.mediaDevices?.getUserMedia) {
    button.hidden = false;
    button.addEventListener("click", () => { if (stream) stop(); else start(); });
    addEventListener("pagehide", stop);
  }
})();

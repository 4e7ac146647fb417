// Keeps the page up to date. Whatever a person typed reaches the page as text, never as markup.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const LINES = 30;

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fillPerson(card, id, side) {
  const avatar = $(".avatar", card);
  setText(avatar, side.initials);
  avatar.dataset.hue = side.hue;
  setText($(".name", card), side.name);
  setText($(".email", card), side.email);
  setText($(".id", card), id);
}

function fillClerk(cell, pair) {
  const card = $(".card", cell);
  if (!pair.clerk && card.contains(document.activeElement)) goOnFrom(cell.closest("tr"));
  card.hidden = !pair.clerk;
  $(".none", cell).hidden = Boolean(pair.clerk);
  if (!pair.clerk) return;
  fillPerson(card, pair.id, pair.clerk);
  const { name } = pair.clerk;
  $("summary", card).setAttribute("aria-label", `Rename ${name}`);
  $(".danger", card).setAttribute("aria-label", `Delete ${name}`);
  // Not `form.action`: that is the field of this name.
  for (const form of card.querySelectorAll("form")) {
    form.setAttribute("action", `/api/users/${encodeURIComponent(pair.id)}`);
  }
  $(".cancel", card).hidden = false;
  const input = $("input[name=name]", card);
  // What somebody is typing is left alone.
  if (!$("details", card).open) input.value = input.defaultValue = name;
}

function fillRow(cell, pair) {
  const card = $(".card", cell);
  const { row } = pair;
  card.hidden = !row;
  $(".none", cell).hidden = Boolean(row);
  if (!row) return;
  fillPerson(card, pair.id, row);
  $(".name", card).dataset.differs = row.name_differs;
  $(".email", card).dataset.differs = row.email_differs;
  const columns = row.columns.map((column) => {
    const line = document.createElement("div");
    const [term, value] = [document.createElement("dt"), document.createElement("dd")];
    line.dataset.differs = column.differs;
    term.textContent = column.name;
    value.dataset.null = column.value === null;
    value.textContent = column.value ?? "null";
    line.append(term, value);
    return line;
  });
  $("dl", card).replaceChildren(...columns);
}

function fillPair(tr, pair) {
  const state = JSON.stringify(pair);
  if (tr.state === state) return;
  const wasShown = tr.state !== undefined;
  tr.state = state;
  tr.dataset.id = pair.id;
  tr.dataset.sync = pair.sync;
  tr.dataset.waiting = pair.waiting;
  fillClerk($(".clerk", tr), pair);
  fillRow($(".row", tr), pair);
  setText($(".pill", tr), pair.label);
  setText($(".flow", tr), pair.flow ?? "");
  setText($(".took", tr), pair.took ?? "");
  setText($(".cause", tr), pair.cause ?? "");
  if (wasShown && pair.sync === "in_sync") flash(tr);
}

function flash(tr) {
  tr.classList.remove("changed");
  requestAnimationFrame(() => tr.classList.add("changed"));
}

function fillPairs(pairs) {
  const body = $("#pairs");
  const shown = new Map([...body.children].map((tr) => [tr.dataset.id, tr]));
  const wanted = new Set(pairs.map((pair) => pair.id));
  for (const [id, tr] of shown) if (!wanted.has(id)) leave(tr);
  pairs.forEach((pair, place) => {
    const isNew = !shown.has(pair.id);
    const tr = shown.get(pair.id) ?? $("#pair-template").content.firstElementChild.cloneNode(true);
    fillPair(tr, pair);
    if (body.children[place] !== tr) body.insertBefore(tr, body.children[place] ?? null);
    if (isNew && started) tr.classList.add("arrived");
  });
  $("table").hidden = pairs.length === 0;
  $("#empty").hidden = pairs.length > 0;
}

function leave(tr) {
  if (tr.contains(document.activeElement)) goOnFrom(tr);
  tr.remove();
}

// Who works with the keyboard goes on from the next user that is still in Clerk.
function goOnFrom(tr) {
  const next = tr.nextElementSibling ?? tr.previousElementSibling;
  const button = next && $(".card:not([hidden]) .danger", next);
  (button ?? $("#create")).focus();
}

function fillOwn(pairs) {
  const { user } = $("#you").dataset;
  if (!user) return;
  const own = pairs.find((pair) => pair.id === user);
  const words = $("#own");
  setText(words, own?.own ?? words.dataset.gone);
  if (own) words.dataset.sync = own.sync;
  else delete words.dataset.sync;
}

function fillWebhooks(view) {
  const pressed = { "drop-next": view.armed === "drop", "delay-next": Boolean(view.armed?.delay) };
  for (const form of document.querySelectorAll("form.toggle")) {
    const { what } = form.dataset;
    $("button", form).setAttribute("aria-pressed", pressed[what]);
    form.setAttribute("action", `/api/webhooks/${pressed[what] ? "deliver-next" : what}`);
  }
  const armed = $("#armed");
  setText(armed, view.armed_words ?? "The next webhook will be delivered as usual.");
  armed.toggleAttribute("data-armed", Boolean(view.armed));
  setText($("#lost"), `(${view.lost})`);
  if (view.lost === 0) $("#resend button").setAttribute("aria-disabled", "true");
  else $("#resend button").removeAttribute("aria-disabled");
}

function fillLog(lines) {
  const list = $("#log");
  const newest = Number(list.firstElementChild?.dataset.key ?? 0);
  for (const line of lines.filter((line) => line.key > newest).reverse()) {
    const item = $("#line-template").content.firstElementChild.cloneNode(true);
    item.dataset.key = line.key;
    item.dataset.tone = line.tone;
    $("time", item).dateTime = new Date(line.at_ms).toISOString();
    setText($(".event", item), line.event ?? "");
    setText($(".name", item), line.who);
    setText($(".outcome", item), line.outcome);
    setText($(".took", item), line.took ? `, ${line.took}` : "");
    localTime($("time", item));
    list.prepend(item);
  }
  while (list.children.length > LINES) list.lastElementChild.remove();
  $("#log-empty").hidden = list.children.length > 0;
}

function localTime(time) {
  setText(time, new Date(time.dateTime).toLocaleTimeString([], { hourCycle: "h23" }));
}

function show(element, text) {
  element.hidden = !text;
  setText(element, text ?? "");
}

let started = false;

function fill(view) {
  // The program was started anew: its script may be another one.
  if (String(view.run) !== document.body.dataset.run) return location.reload();
  fillPairs(view.pairs);
  fillOwn(view.pairs);
  fillWebhooks(view);
  fillLog(view.log);
  setText($("#summary"), view.summary);
  $("#summary").dataset.good = view.all_in_sync;
  show($("#problem"), view.problem);
  show($("#more"), view.more);
  $("#new-user").elements.name.placeholder = view.suggestion;
  started = true;
}

// --- What a person does ---

async function submit(form) {
  const button = $("button[type=submit]", form);
  if (form.ariaBusy === "true") return;
  if (button.getAttribute("aria-disabled") === "true") {
    return show($("#notice"), "No webhook was dropped, so there is none to send again.");
  }
  const fields = Object.fromEntries([...new FormData(form)].filter(([name]) => name !== "action"));
  form.ariaBusy = "true";
  try {
    const response = await fetch(form.getAttribute("action"), {
      method: form.dataset.method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(fields),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) return show($("#notice"), answer.error ?? `That did not work (${response.status}).`);
    show($("#notice"), null);
    if (form.id === "new-user") form.reset();
    const rename = form.closest("details.rename");
    if (rename) close(rename);
  } catch {
    show($("#notice"), "clerk-sync dev does not answer. Is it still running?");
  } finally {
    form.ariaBusy = null;
  }
}

function close(details) {
  details.open = false;
  const input = $("input[name=name]", details);
  input.value = input.defaultValue;
  $("summary", details).focus();
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.dataset.done = "yes";
    setTimeout(() => delete button.dataset.done, 1500);
  } catch {
    show($("#notice"), "The browser does not allow copying. Select the text and copy it by hand.");
  }
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.target);
});

document.addEventListener("click", (event) => {
  const rename = event.target.closest(".rename > summary")?.parentElement;
  if (rename) {
    // At once, so that nothing that is typed right away is lost.
    event.preventDefault();
    rename.open = true;
    $("input[name=name]", rename).select();
  }
  const button = event.target.closest("button");
  if (button?.matches(".cancel")) close(button.closest("details"));
  if (button?.matches(".copy")) copy(button);
});

document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest("details[open]");
  if (!open) return;
  if (open.matches(".rename")) close(open);
  else {
    open.open = false;
    $("summary", open).focus();
  }
});

// --- Live ---

let source;

function listen() {
  source?.close();
  source = new EventSource("/events");
  source.onopen = () => setLive(true);
  source.onerror = () => setLive(false);
  source.onmessage = (event) => fill(JSON.parse(event.data));
}

function setLive(isLive) {
  const live = $("#live");
  live.dataset.on = isLive;
  setText(live, isLive ? "live" : "connecting…");
}

// A browser opens few connections to one address; pages that nobody sees give theirs up.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source.close();
    setLive(false);
  } else listen();
});

for (const button of document.querySelectorAll(".copy, .cancel")) button.hidden = false;
document.querySelectorAll("#log time").forEach(localTime);
listen();

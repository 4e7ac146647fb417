// What the tests of this folder share: the browser, the local Clerk's controls, and what every page has to be.
import assert from "node:assert/strict";

import { chromium } from "playwright-core";

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** What WCAG 2.2 AA demands of text of ordinary size. */
const CONTRAST = 4.5;

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium", args: ARGS });

/** A page that remembers every document it went through, redirects included. */
export const open = async (browser, options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(5_000);
  page.hops = [];
  page.on("response", (response) => {
    if (response.request().isNavigationRequest()) page.hops.push({ url: response.url(), status: response.status() });
  });
  return page;
};

export const caller = (origin) => async (method, path, body) => {
  const init = { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) };
  const response = await fetch(origin + path, init);
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  const text = await response.text();
  return text ? JSON.parse(text) : undefined;
};

/** The claims of the session token that a browser holds for `url`. */
export const session = async (context, url) => {
  const cookie = (await context.cookies(url)).find(({ name }) => name === "__session");
  return cookie && JSON.parse(Buffer.from(cookie.value.split(".")[1], "base64url"));
};

const measure = (least) => {
  const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const opaque = (colors) => {
    brush.clearRect(0, 0, 1, 1);
    for (const color of colors) {
      brush.fillStyle = color;
      brush.fillRect(0, 0, 1, 1);
    }
    return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    return [matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#fff", ...layers];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (!text || element.closest("template, script, style") || !element.checkVisibility()) continue;
    const layers = behind(element);
    const [back, front] = [opaque(layers), opaque([...layers, getComputedStyle(element).color])].map(luminance);
    const ratio = (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
    faint.push({ text: text.slice(0, 40), ratio });
  }
  const controls = [...document.querySelectorAll("a, button, summary, input:not([type=hidden])")];
  const unusable = controls.filter((control) => {
    if (!control.checkVisibility()) return false;
    const label = control.ariaLabel || control.textContent.trim() || [...(control.labels ?? [])].map(({ textContent }) => textContent.trim()).join();
    control.focus();
    return !label || document.activeElement !== control || (control.matches("a") && !control.hasAttribute("href"));
  });
  return {
    lang: document.documentElement.lang,
    title: document.title,
    headings: document.querySelectorAll("h1").length,
    viewport: document.querySelector("meta[name=viewport]")?.content ?? "",
    main: document.querySelectorAll("main").length,
    width: document.documentElement.scrollWidth,
    smallest: Math.min(...[...document.querySelectorAll("p, a, li")].filter((one) => one.checkVisibility()).map((one) => parseFloat(getComputedStyle(one).fontSize))),
    texts: faint.length,
    faint: faint.filter(({ ratio }) => !(ratio >= least)),
    unusable: unusable.map((control) => control.outerHTML.slice(0, 120)),
  };
};

/** What is wrong with a page for people with small screens, keyboards, screen readers or weak eyes. */
export const troublesOf = async (page) => {
  const found = await page.evaluate(measure, CONTRAST);
  const troubles = [];
  if (found.lang !== "en") troubles.push(`lang is "${found.lang}"`);
  if (!found.title) troubles.push("no title");
  if (found.headings !== 1) troubles.push(`${found.headings} h1`);
  if (found.main !== 1) troubles.push(`${found.main} main`);
  if (!found.viewport.includes("width=device-width") || found.viewport.includes("user-scalable=no")) troubles.push(`viewport is "${found.viewport}"`);
  if (found.width > page.viewportSize().width) troubles.push(`${found.width} px wide`);
  if (!(found.smallest >= 12)) troubles.push(`text of ${found.smallest} px`);
  if (found.texts === 0) troubles.push("no text");
  for (const { text, ratio } of found.faint) troubles.push(`"${text}" has a contrast of ${ratio.toFixed(2)}, below ${CONTRAST}`);
  for (const control of found.unusable) troubles.push(`no name or no focus: ${control}`);
  return troubles;
};

/** Looks at a page as it is on a small phone, by day and by night. */
export const fitsEverybody = async (page) => {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 320, height: 640 });
    assert.deepEqual(await troublesOf(page), [], `${page.url()} (${colorScheme})`);
  }
};

// Flow E as people see it: a webhook is lost, and the row appears all the same. `tests/browser.rs` starts `clerk-sync dev`.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, open } from "./tools.mjs";

const app = process.env.APP_URL;
assert.ok(app, "APP_URL is not set");

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

test("a lost webhook heals by itself", async () => {
  const page = await open(browser);
  await page.goto(`${app}/`);
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
  await page.getByLabel("E-mail").fill("ada@lost.example");
  await page.getByRole("button", { name: "Drop next webhook" }).click();
  await page.getByText("The next webhook will be dropped.").waitFor();
  await page.getByRole("button", { name: "New user" }).click();
  await page.getByRole("log").getByText("webhook dropped").first().waitFor();
  // The catch-up of a development key comes every ten seconds.
  const state = page.getByRole("row").filter({ hasText: "ada@lost.example" }).getByRole("cell").nth(1);
  await state.getByText("in sync").waitFor({ timeout: 25_000 });
  assert.match(await state.textContent(), /catch-up/);
  await page.getByRole("log").getByText("row created by catch-up").first().waitFor();
});

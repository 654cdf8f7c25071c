// Uses the catalogue as a reader does: `node browse.mjs <chromium> <folder> <output>` prints what
// it saw as JSON. Nothing but files may be asked for.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import puppeteer from "puppeteer-core";

const [executablePath, folder, output] = process.argv.slice(2);
const address = (page) => pathToFileURL(`${folder}/${page}`).href;
const browser = await puppeteer.launch({
  executablePath,
  protocolTimeout: 20_000,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const seen = { console: [], requests: [] };

async function newPage(scheme) {
  const page = await browser.newPage();
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  page.on("console", (message) => seen.console.push(message.text()));
  page.on("pageerror", (error) => seen.console.push(String(error)));
  page.on("requestfailed", (request) => seen.console.push(`failed: ${request.url()}`));
  page.on("request", (request) => seen.requests.push(new URL(request.url()).protocol));
  return page;
}

const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const path = (page) => page.evaluate(() => location.pathname.split("/").slice(-2).join("/"));
const options = (page) => page.$$eval("#results a b", (all) => all.map((one) => one.textContent));

async function search(page, text) {
  await page.keyboard.press("/");
  await page.keyboard.type(text);
  await page.waitForSelector("#results a, #results p");
}

try {
  const page = await newPage("light");
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(address("index.html"));
  seen.title = await page.title();
  seen.light = await ground(page);

  await search(page, "order changed");
  seen.found = await options(page);
  seen.selected = await page.$eval("#search", (input) => input.getAttribute("aria-activedescendant"));
  await page.screenshot({ path: `${output}/search.png` });
  const arrived = page.waitForNavigation();
  await page.keyboard.press("Enter");
  await arrived;
  seen.followed = (await path(page)) + (await page.evaluate(() => location.hash));
  seen.heading = await page.$eval(":target", (heading) => heading.firstChild.textContent);

  await search(page, "<b>only</b>");
  seen.byComment = await options(page);
  seen.injected = await page.$$eval("#results b b, .lead b", (all) => all.length);
  await page.keyboard.press("Escape");
  seen.closed = await page.$eval("#results", (results) => results.hidden);
  await search(page, "nothing is called so");
  seen.nothing = await page.$eval("#results p", (text) => text.textContent);
  await page.keyboard.press("Escape");

  await page.click("#theme");
  seen.dark = await ground(page);
  seen.pressed = await page.$eval("#theme", (button) => button.getAttribute("aria-pressed"));
  await page.goto(address("events.html"));
  seen.darkElsewhere = await ground(page);
  await page.click("#theme");
  seen.lightAgain = await ground(page);

  const night = await newPage("dark");
  await night.goto(address("routes.html"));
  seen.remembered = await ground(night);
  await night.evaluate(() => localStorage.clear());
  await night.reload();
  seen.preferred = await ground(night);
  await night.goto(address("index.html"));
  await night.screenshot({ path: `${output}/dark.png`, fullPage: true });
  await night.close();

  await page.bringToFront();
  await page.setViewport({ width: 380, height: 800 });
  seen.overflow = [];
  for (const name of ["index.html", "events.html", "streams.html", "services/order.html"]) {
    await page.goto(address(name));
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 380) seen.overflow.push(`${name}: ${width}`);
  }
  await page.click(".menu");
  seen.menu = await page.evaluate(() => location.hash);

  const plain = await newPage("light");
  await plain.setJavaScriptEnabled(false);
  await plain.goto(address("index.html"));
  const moved = plain.waitForNavigation();
  await plain.click("tbody a");
  await moved;
  seen.withoutScript = await path(plain);
  seen.requests = [...new Set(seen.requests)];
} finally {
  await browser.close();
}
writeFileSync(1, JSON.stringify(seen));

// A browser, pages that notice what goes wrong in them, and what must hold of every page.
import assert from 'node:assert/strict';
import { accessSync, constants, readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = join(import.meta.dirname, '../shots');
mkdirSync(shots, { recursive: true });

function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch { /* not here */ }
    }
  }
  throw new Error('no Chromium in PATH: install it, or name it in CHROMIUM');
}

export const launch = () => chromium.launch({
  executablePath: findChromium(), chromiumSandbox: process.getuid?.() !== 0,
  args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

export const wide = { width: 1440, height: 900 };
export const narrow = { width: 390, height: 844 };

// open makes a page that collects its own problems: what the policy refused, what failed, what a script said.
export async function open(browser, { lang = 'en', signedInAs, ...options } = {}) {
  const context = await browser.newContext({ viewport: wide, locale: lang === 'it' ? 'it-IT' : 'en-GB', storageState: signedInAs, ...options });
  context.setDefaultTimeout(20_000);
  const problems = [];
  await context.exposeBinding('slipwayViolation', (_, what) => { problems.push(`policy: ${what}`); });
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (e) => window.slipwayViolation(`${e.violatedDirective} ${e.blockedURI} at ${e.sourceFile}:${e.lineNumber}`));
  });
  const page = await context.newPage();
  let expected = [];
  page.on('console', (m) => {
    const answer = /(?:responded with a status of|Response Status Error Code) (\d+)/.exec(m.text());
    if (answer && expected.includes(Number(answer[1]))) return;
    if (['error', 'warning'].includes(m.type())) problems.push(`console: ${m.text()} (${m.location().url})`);
  });
  page.on('pageerror', (e) => problems.push(`script: ${e.message}`));
  page.on('dialog', async (d) => { problems.push(`dialog: ${d.message()}`); await d.dismiss(); });
  // Without scripts Chromium reports each preloaded one as refused; what our policy refuses is on the console too.
  const harmless = ['net::ERR_ABORTED', ...(options.javaScriptEnabled === false ? ['csp'] : [])];
  page.on('requestfailed', (r) => { if (!harmless.includes(r.failure()?.errorText)) problems.push(`request: ${r.url()} ${r.failure()?.errorText}`); });
  page.on('response', (r) => { if (r.status() >= 400 && !expected.includes(r.status())) problems.push(`answer: ${r.status()} ${r.url()}`); });
  return {
    page, context, lang, problems,
    expect: (...statuses) => { expected = statuses; },
    clean: (where) => { const all = problems.splice(0); assert.deepEqual(all, [], `${where}: nothing goes wrong in the page`); },
    close: () => context.close(),
  };
}

// settled waits until what a page draws by itself is there.
export const settled = (page) => page.waitForFunction(() => document.readyState === 'complete' && !document.querySelector('[aria-busy="true"]')
  && [...document.querySelectorAll('[data-chart], [data-chart-src]')].every((e) => e.hidden || !e.checkVisibility() || e.getBoundingClientRect().top > innerHeight + 300 || e.querySelector('canvas')));

// frame is what holds of every page at any width: one heading, the right language, nothing beside the screen.
export async function frame(page, lang, where) {
  const seen = await page.evaluate(() => {
    const root = document.documentElement;
    const scrolls = (e) => { for (let up = e.parentElement; up && up !== root; up = up.parentElement) if (up.id !== 'main' && !up.matches('.app, .app__body, body') && getComputedStyle(up).overflowX !== 'visible') return true; return false; };
    const beside = [...document.querySelectorAll('main *, header.topbar *')].filter((e) => {
      const box = e.getBoundingClientRect();
      return box.width > 0 && (box.right > root.clientWidth + 1 || box.left < -1) && !e.closest('.sr, .skip') && !scrolls(e) && getComputedStyle(e).visibility === 'visible';
    }).slice(0, 5).map((e) => `<${e.tagName.toLowerCase()} class="${e.getAttribute('class') ?? ''}"> ${e.textContent.trim().slice(0, 60)}`);
    const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
    return {
      lang: root.lang, headings: document.querySelectorAll('h1').length, mains: document.querySelectorAll('main').length,
      over: Math.max(root.scrollWidth, document.body.scrollWidth) - root.clientWidth, beside,
      pinned: [...document.querySelectorAll('.tbl-wrap')].filter((w) => { const pin = w.querySelector('tbody .pin'); return pin && pin.offsetWidth > 0.65 * w.clientWidth; }).map((w) => w.getAttribute('aria-label')),
      stray: document.querySelectorAll('[else], [if]').length, // an attribute that was meant as template code
      twice: ids.filter((id, i) => ids.indexOf(id) !== i), title: document.title, broken: document.body.innerText.match(/%!|<no value>|\bundefined\b|\bNaN\b/)?.[0] ?? '',
    };
  });
  assert.deepEqual({ ...seen, title: / · Slipway$/.test(seen.title) },
    { lang, headings: 1, mains: 1, over: 0, beside: [], pinned: [], stray: 0, twice: [], title: true, broken: '' }, `${where}: frame of the page`);
}

// axe is the accessibility check: no finding at all. A change of theme alone needs only the rules on colour; off are
// rules that a page cannot keep, with a reason beside the call.
export async function axe(page, where, rules = 'all', off = []) {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axeSource);
  const found = await page.evaluate(async ({ which, without }) => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'], rules: { 'target-size': { enabled: true }, ...Object.fromEntries(without.map((rule) => [rule, { enabled: false }])) }, ...(which === 'all' ? {} : { runOnly: ['color-contrast', 'link-in-text-block'] }) });
    return violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.slice(0, 4).map((n) => `    ${n.target.join(' ')}  ${n.html.slice(0, 160)}\n      ${n.failureSummary.split('\n').slice(1).join('; ')}`).join('\n')}`);
  }, { which: rules, without: off });
  assert.deepEqual(found, [], `${where}: accessibility\n${found.join('\n')}`);
}

export const shot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });

// look opens a page in both lights, widths and languages, each with each other once, anew each time so that no colour is on its way to another, and
// checks its frame and its accessibility. act brings the page into the state that is meant, ready waits for it; signedInAs is the state of somebody's browser.
export async function look(browser, url, name, { act, ready, signedInAs } = {}) {
  for (const lang of ['en', 'it']) {
    const tab = await open(browser, { lang, signedInAs });
    const { page } = tab;
    for (const [colorScheme, size] of lang === 'en' ? [['light', wide], ['dark', narrow]] : [['light', narrow], ['dark', wide]]) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(size);
      await page.goto(url);
      await act?.(page);
      if (ready) await page.waitForSelector(ready);
      await settled(page);
      const where = `${name}-${colorScheme}-${size.width}-${lang}`;
      await frame(page, lang, where);
      await axe(page, where);
      await shot(page, where);
    }
    assert.equal(await page.evaluate(() => window.hit), undefined, 'nothing that somebody typed runs');
    tab.clean(`${name} ${lang}`);
    await tab.close();
  }
}

// The home page, the search and the shell around every page.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, frame, launch, narrow, open, settled, shot, wide } from './lib/browser.js';
import { client, team } from './lib/seed.js';
import { startServer } from './lib/server.js';

let server, browser, world, api;
const hostile = '"><img src=x onerror=window.hit=1><script>window.hit=1</script>';

before(async () => { [server, browser] = await Promise.all([startServer(), launch()]); api = client(server.url); });
after(async () => { await browser?.close(); await server?.stop(); });

// look checks a state of a page in both themes and widths, and in Italian.
async function look(name, path, { act, ready } = {}) {
  for (const lang of ['en', 'it']) {
    const tab = await open(browser, { lang });
    const { page } = tab;
    await page.goto(server.url + path);
    for (const [colorScheme, size] of lang === 'en' ? [['light', wide], ['dark', wide], ['light', narrow], ['dark', narrow]] : [['light', narrow], ['dark', wide]]) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' }); // axe looks at once, not at a colour on its way
      await page.setViewportSize(size);
      if (act) { await page.goto(server.url + path); await act(page); }
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

test('the first visit says how to begin', async (t) => {
  await t.test('looks', () => look('home-first', '/', { ready: '.steps pre' }));
  const tab = await open(browser);
  await tab.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await tab.page.goto(`${server.url}/`);
  await tab.page.locator('#step-log ~ button').click();
  await tab.page.waitForFunction(() => document.querySelector('#live').textContent !== '');
  assert.match(await tab.page.evaluate(() => navigator.clipboard.readText()), new RegExp(`set_tracking_uri\\("${server.url}"\\)`));
  tab.clean('first visit');
  await tab.close();
});

test('a team at work', async (t) => {
  world = await team(api, { runs: 60 });
  const odd = await api.experiment(hostile);
  await api.run(odd, hostile, { status: 'RUNNING', metrics: [{ key: 'val_f1', value: 0.5, step: 0, timestamp: Date.now() }, { key: 'val_f1', value: 0.75, step: 1, timestamp: Date.now() }] });
  await t.test('looks', () => look('home', '/', { ready: '.tbl .spark' }));
  await t.test('the period is in the address', async () => {
    const tab = await open(browser);
    const { page } = tab;
    await page.goto(`${server.url}/`);
    await page.getByRole('link', { name: '7 d', exact: true }).click();
    await page.waitForURL('**/?period=7d');
    await page.getByText('Runs, last 7 days').waitFor();
    await page.reload();
    assert.equal(await page.locator('.seg [aria-current]').innerText(), '7 d');
    await page.goBack();
    await page.getByText('Runs, last 24 h').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/runs/*');
    await page.keyboard.press('g');
    await page.keyboard.press('h');
    await page.waitForURL(`${server.url}/`);
    tab.clean('period');
    await tab.close();
  });
  await t.test('without JavaScript', async () => {
    const tab = await open(browser, { javaScriptEnabled: false });
    await tab.page.goto(`${server.url}/`);
    await tab.page.getByRole('link', { name: '30 d', exact: true }).click();
    await tab.page.getByText('Runs, last 30 days').waitFor();
    tab.clean('without JavaScript');
    await tab.close();
  });
});

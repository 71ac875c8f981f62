// The home page, the search and the shell around every page.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open } from './lib/browser.js';
import { client, team } from './lib/seed.js';
import { startServer } from './lib/server.js';

let server, browser, world, api;
const hostile = '"><img src=x onerror=window.hit=1><script>window.hit=1</script>';

before(async () => { [server, browser] = await Promise.all([startServer(), launch()]); api = client(server.url); });
after(async () => { await browser?.close(); await server?.stop(); });

// look checks a state of a page in both themes and widths, and in Italian.
test('the first visit says how to begin', async (t) => {
  await t.test('looks', () => look(browser, `${server.url}/`, 'home-first', { ready: '.steps pre' }));
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
  const long = 'a-name-that-somebody-made-from-all-its-settings-'.repeat(4);
  const wordy = await api.experiment(long);
  await api.run(wordy, long, { metrics: [{ key: long, value: -123456.789, step: 0, timestamp: Date.now() }, { key: long, value: -1.23456789e-7, step: 1, timestamp: Date.now() }] });
  await t.test('looks', () => look(browser, `${server.url}/`, 'home', { ready: '.tbl .spark' }));
  await t.test('long names are cut, and whole on hover', async () => {
    const tab = await open(browser);
    await tab.page.goto(`${server.url}/`);
    const name = tab.page.locator('.tbl--home').getByRole('link', { name: long }).nth(1);
    assert.equal(await name.getAttribute('title'), long);
    assert.ok(await name.evaluate((e) => e.scrollWidth > e.clientWidth && getComputedStyle(e).textOverflow === 'ellipsis'));
    const room = await tab.page.locator('.tbl--home').evaluate((table) => {
      const last = table.rows[0].cells[table.rows[0].cells.length - 1];
      return table.closest('.card').getBoundingClientRect().right - last.getBoundingClientRect().right;
    });
    assert.ok(room >= 0, `the last column is ${-room} px beside its card`);
    tab.clean('long names');
    await tab.close();
  });
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

test('search and commands', async (t) => {
  const menu = (words) => async (page) => {
    await page.keyboard.press('/');
    await page.waitForSelector('#palette[open]');
    await page.keyboard.type(words);
    if (words && !words.startsWith('>')) await page.waitForFunction(() => document.querySelector('#palette-found').children.length || !document.querySelector('#palette-none').hidden);
  };
  await t.test('looks', async () => {
    await look(browser, `${server.url}/search?q=xgb`, 'search', { ready: '#found mark' });
    await look(browser, `${server.url}/search?${new URLSearchParams({ q: 'img src' })}`, 'search-hostile', { ready: '#found mark' });
    await look(browser, `${server.url}/search?q=nothing-like-it`, 'search-none', { ready: '.empty' });
    await look(browser, `${server.url}/`, 'palette', { act: menu('') });
    await look(browser, `${server.url}/`, 'palette-found', { act: menu('team') });
    await look(browser, `${server.url}/`, 'palette-none', { act: menu('zzz') });
  });
  await t.test('by keyboard', async () => {
    const tab = await open(browser);
    const { page } = tab;
    const active = () => page.evaluate(() => document.getElementById(document.querySelector('#palette-words').getAttribute('aria-activedescendant'))?.textContent.replace(/\s+/g, ' ').trim());
    await page.goto(`${server.url}/account`);
    await menu('fraud')(page);
    assert.match(await active(), /^fraud-detection.*Experiment$/);
    await page.keyboard.press('ArrowDown');
    const second = await active();
    assert.doesNotMatch(second, /^fraud-detection/);
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/experiments/${world.fraud}`);
    await page.keyboard.press('Control+k');
    await page.waitForSelector('#palette[open]');
    await page.keyboard.press('Escape');
    await page.waitForSelector('#palette:not([open])', { state: 'attached' });
    await menu('>dark')(page);
    await page.keyboard.press('Enter');
    await page.waitForSelector('html[data-theme=dark]');
    await menu('>italiano')(page);
    await page.keyboard.press('Enter');
    await page.waitForSelector('html[lang=it]');
    await menu('>crea un')(page);
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog#create:modal');
    await page.waitForLoadState('load');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog#create:not([open])', { state: 'attached' });
    await menu('team: risk')(page);
    await page.keyboard.press('Enter');
    await page.waitForURL(/filter=tags/);
    await page.getByRole('link', { name: 'transformer-long' }).waitFor();
    tab.clean('palette');
    await tab.close();
  });
  await t.test('answers that come late are not shown', async () => {
    const tab = await open(browser);
    const { page } = tab;
    await page.goto(`${server.url}/`);
    let release;
    const held = new Promise((done) => { release = done; });
    await page.route('**/search?q=fraud', async (route) => { await held; await route.continue().catch(() => {}); });
    await menu('')(page);
    const first = page.waitForRequest('**/search?q=fraud');
    await page.keyboard.type('fraud');
    await first;
    await page.fill('#palette-words', 'churn');
    await page.locator('#palette-found a', { hasText: 'churn-baseline' }).waitFor();
    release();
    await page.keyboard.type('-');
    await page.waitForFunction(() => /churn-baseline/.test(document.querySelector('#palette-found').textContent));
    assert.doesNotMatch(await page.locator('#palette-found').innerText(), /fraud-detection/);
    tab.clean('late answers');
    await tab.close();
  });
  await t.test('the page of the search', async () => {
    const tab = await open(browser);
    const { page } = tab;
    await page.goto(`${server.url}/search`);
    await page.fill('#search-words', 'xgb');
    await page.getByRole('link', { name: /Show more/ }).click();
    await page.waitForURL('**/search?kind=runs&q=xgb');
    await page.waitForFunction(() => document.querySelectorAll('#found li').length === 60);
    tab.clean('search page');
    await tab.close();
  });
  await t.test('without JavaScript', async () => {
    const tab = await open(browser, { javaScriptEnabled: false });
    await tab.page.goto(`${server.url}/`);
    await tab.page.fill('.topsearch input', 'churn');
    await tab.page.keyboard.press('Enter');
    await tab.page.waitForURL('**/search?q=churn');
    await tab.page.getByRole('link', { name: 'churn-baseline' }).waitFor();
    tab.clean('search without JavaScript');
    await tab.close();
  });
});

test('times are in the reader’s zone, or in UTC', async () => {
  const tab = await open(browser, { timezoneId: 'Asia/Kolkata' });
  const { page } = tab;
  const title = () => page.locator('.tbl time').first().getAttribute('title');
  await page.goto(`${server.url}/`);
  await page.reload();
  assert.match(await title(), /IST · .* UTC$/);
  await page.click('button[popovertarget=user-menu]');
  await page.getByRole('button', { name: 'UTC' }).click();
  await page.waitForLoadState();
  await page.waitForFunction(() => !/IST/.test(document.querySelector('.tbl time').title));
  assert.match(await title(), /UTC$/);
  await page.keyboard.press('?');
  await page.locator('dialog#shortcuts[open] h3', { hasText: 'In tables' }).waitFor();
  tab.clean('zone');
  await tab.close();
});

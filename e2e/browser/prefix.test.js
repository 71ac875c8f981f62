// Under a path prefix, and without JavaScript.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, settled } from './lib/browser.js';
import { client, team } from './lib/seed.js';
import { startServer } from './lib/server.js';
import { fillNew, password } from './lib/sign.js';

let server, browser, world;
before(async () => {
  [server, browser] = await Promise.all([startServer({ prefix: '/ml' }), launch()]);
  world = await team(client(server.url));
});
after(async () => { await browser?.close(); await server?.stop(); });

const pages = () => ['/', '/experiments', `/experiments/${world.fraud}`, `/experiments/${world.empty}`, `/runs/${world.long.id}`, `/runs/${world.long.id}?tab=charts`, `/runs/${world.long.id}?tab=parameters`,
  `/runs/${world.long.id}?tab=artifacts`, `/runs/${world.long.id}?tab=artifacts&path=roc.png`, `/runs/${world.long.id}?tab=models`, `/logged-models/${world.model.id}`, '/account', '/users', '/setup'];

test('every address stays under the prefix', async () => {
  const tab = await open(browser);
  const { page } = tab;
  const outside = [];
  page.on('request', (r) => { if (!r.url().startsWith(`${server.url}/`) && !r.url().startsWith('data:')) outside.push(r.url()); });
  for (const path of pages()) {
    await page.goto(server.url + path);
    await settled(page);
    const { found, wrong } = await page.evaluate(() => {
      const all = [...document.querySelectorAll('*')].flatMap((e) => ['href', 'src', 'action', 'formaction', 'hx-get', 'hx-post', 'content'].map((name) => [e.tagName, name, e.getAttribute(name)]))
        .filter(([, , value]) => value?.startsWith('/'));
      return { found: all.length, wrong: all.filter(([, , value]) => !value.startsWith('/ml/')).map(String) };
    });
    assert.ok(found > 5, path);
    assert.deepEqual(wrong, [], path);
  }
  await page.goto(`${server.url}/`);
  assert.equal(await page.locator('h1').innerText(), 'Home');
  await page.goto(`${server.url}/experiments`);
  await page.getByRole('link', { name: 'fraud-detection' }).click();
  await page.waitForURL(`${server.url}/experiments/${world.fraud}`);
  await page.locator('th:has(a)', { hasText: 'val_auc' }).getByRole('link').click();
  await page.locator('th[aria-sort]').waitFor();
  assert.ok(page.url().startsWith(`${server.url}/experiments/${world.fraud}?`));
  await page.getByRole('button', { name: 'Dark theme' }).click();
  const cookie = (await tab.context.cookies(`${server.url}/`)).find((c) => c.name === 'slipway_prefs');
  assert.deepEqual([cookie?.path, new URLSearchParams(decodeURIComponent(cookie?.value ?? '')).get('theme')], ['/ml/', 'dark']);
  await page.goto(`${server.url}/#/experiments/${world.fraud}/runs/${world.long.id}`);
  await page.waitForURL(`${server.url}/runs/${world.long.id}`);
  await page.goto(`${server.url}/experiments/${world.empty}`);
  assert.ok((await page.locator('pre.code').innerText()).includes(`mlflow.set_tracking_uri("${server.url}")`), 'the snippet names the whole address');
  assert.deepEqual(outside, []);
  tab.clean('prefix');
  await tab.close();
});

test('without JavaScript', async (t) => {
  const tab = await open(browser, { javaScriptEnabled: false });
  const { page } = tab;
  const go = (path) => page.goto(server.url + path);
  const flash = (words) => page.locator('.banner[role=status], .toast[role=status]', { hasText: words }).waitFor();

  await t.test('every page answers, and nothing that needs a script is shown', async () => {
    for (const path of pages()) {
      assert.equal((await go(path)).status(), 200, path);
      assert.equal(await page.locator('h1').count(), 1, path);
      for (const part of await page.locator('.js-only').all()) assert.equal(await part.isVisible(), false, path);
    }
  });

  await t.test('lists are sorted, filtered and paged', async () => {
    await go(`/experiments/${world.fraud}`);
    await page.locator('th:has(a)', { hasText: 'val_auc' }).getByRole('link').click();
    await page.locator('th[aria-sort=descending]', { hasText: 'val_auc' }).waitFor();
    await page.fill('#filter-query', "params.max_depth = '8'");
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.waitForURL('**filter=*');
    assert.ok(await page.locator('tbody tr').count() < 30);
    assert.equal(new URL(page.url()).searchParams.get('order'), 'metrics.val_auc DESC', 'the order stays');
    await go(`/experiments/${world.fraud}`);
    await page.getByRole('link', { name: 'Next' }).click();
    await page.waitForURL('**token=*');
    assert.equal(await page.locator('tbody tr').count(), 40);
  });

  await t.test('a chart is its table', async () => {
    await go(`/runs/${world.long.id}`);
    assert.equal(await page.locator('.chart').first().isVisible(), false);
    await page.locator('.chart-card', { hasText: 'loss' }).first().locator('[data-chart-rows]').click();
    await page.waitForURL('**/ml/series?*');
    assert.ok(await page.locator('tbody tr').count() >= 10);
  });

  await t.test('forms work', async () => {
    await go('/experiments');
    await page.getByRole('button', { name: 'Create experiment' }).first().click();
    await page.locator('dialog#create').waitFor();
    await page.fill('dialog#create #name', 'by hand');
    await page.locator('dialog#create').getByRole('button', { name: 'Create experiment' }).click();
    await flash('Experiment by hand created.');
    await go(`/runs/${world.nested.id}`);
    await page.fill('#tag-key', 'plain');
    await page.fill('#tag-value', 'html');
    await page.getByRole('button', { name: 'Add tag' }).click();
    await flash('Saved.');
    await page.getByRole('button', { name: 'Actions for run fold-1' }).click();
    await page.getByRole('button', { name: 'Delete run' }).click();
    await flash('Run moved to the trash.');
    await page.getByRole('button', { name: 'Restore' }).click();
    await flash('Restored.');
  });

  await t.test('preferences and the first account', async () => {
    await go('/experiments');
    await page.click('button[popovertarget=user-menu]');
    await page.getByRole('button', { name: 'Italiano' }).click();
    await page.locator('h1', { hasText: 'Esperimenti' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'it');
    await page.getByRole('button', { name: 'Tema scuro' }).click();
    await page.locator('html[data-theme=dark]').waitFor();
    await page.getByRole('link', { name: /primo account/ }).click();
    await fillNew(page, 'ada', password);
    await page.click('main form button');
    await page.waitForURL(`${server.url}/`);
    await page.locator('.banner[role=status]').waitFor();
    await page.click('button[popovertarget=user-menu]');
    await page.locator('#user-menu form[action="/ml/sign-out"] button').click();
    await page.waitForURL(`${server.url}/sign-in`);
    await page.fill('#name', 'ada');
    await page.fill('#password', password);
    await page.click('main form button');
    await page.waitForURL(`${server.url}/`);
  });
  tab.clean('without JavaScript');
  await tab.close();
});

// The API's document as a page.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, look, open } from './lib/browser.js';
import { startServer } from './lib/server.js';

let server, browser;
before(async () => { [server, browser] = await Promise.all([startServer(), launch()]); });
after(async () => { await browser?.close(); await server?.stop(); });

test('looks', () => look(browser, `${server.url}/api`, 'api', { ready: 'main h2' }));

test('looks, with its operations open', () => look(browser, `${server.url}/api`, 'api-open', {
  act: (page) => page.locator('main details').evaluateAll((all) => all.forEach((d) => { d.open = true; })), ready: 'main details[open]',
}));

test('an operation has an example with the address of this server', async () => {
  const tab = await open(browser);
  const { page } = tab;
  await page.goto(`${server.url}/`);
  await page.locator('#side').getByRole('link', { name: 'API', exact: true }).click();
  await page.waitForURL('**/api');
  const one = page.locator('#createPromotion');
  await one.locator('summary').focus();
  await page.keyboard.press('Enter');
  assert.ok((await one.locator('pre').innerText()).includes(`${server.url}/api/v1/promotions`));
  const document = await page.request.get(`${server.url}${await page.locator('.phead__sub a').getAttribute('href')}`);
  assert.match(await document.text(), /^openapi: 3\.1/m);
  tab.clean('api');
  await tab.close();
});

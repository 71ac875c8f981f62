// The style guide is for those who build the product: it is there in development mode only.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, frame, launch, narrow, open, settled, shot, wide } from './lib/browser.js';
import { startServer } from './lib/server.js';

test('every component in both themes', async () => {
  const [server, browser] = await Promise.all([startServer({ flags: ['--dev'] }), launch()]);
  const tab = await open(browser);
  const { page } = tab;
  try {
    for (const [name, path, colorScheme, size] of [['styleguide', '/styleguide', 'light', wide], ['styleguide', '/styleguide', 'dark', narrow], ['styleguide-drawer', '/styleguide?drawer=light', 'light', wide], ['styleguide-drawer', '/styleguide?drawer=dark', 'dark', narrow]]) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(size);
      await page.goto(server.url + path);
      if (path.includes('drawer')) await page.waitForSelector('dialog.drawer:modal');
      await settled(page);
      const where = `${name}-${colorScheme}-${size.width}`;
      await frame(page, 'en', where);
      await axe(page, where, 'all', ['landmark-unique']); // everything is there twice
      await shot(page, where);
    }
    await page.reload(); // taking a picture leaves empty style attributes, which a boosted page may not have
    await page.getByRole('link', { name: 'Close' }).click();
    await page.waitForURL('**/styleguide');
    tab.clean('style guide');
  } finally {
    await tab.close();
    await browser.close();
    await server.stop();
  }
});

test('elsewhere there is no such page', async () => {
  const server = await startServer();
  try {
    assert.equal((await fetch(`${server.url}/styleguide`)).status, 404);
  } finally {
    await server.stop();
  }
});

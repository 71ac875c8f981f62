// Coming in.
export const password = 'correct horse battery staple';

// createFirst makes the administrator on the set-up page, in this browser, which is then signed in.
export async function createFirst(page, url, name = 'ada') {
  await page.goto(`${url}/setup`);
  await fillNew(page, name);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.waitForURL('**/');
}

export async function fillNew(page, name, secret = password) {
  await page.fill('#name', name);
  await page.fill('#password', secret);
  await page.fill('#password_again', secret);
}

export async function signIn(page, url, name, secret = password) {
  await page.goto(`${url}/sign-in`);
  await page.fill('#name', name);
  await page.fill('#password', secret);
  await page.click('main form button');
}

// basic is the header of a client that sends name and password.
export const basic = (name, secret = password) => `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;

// addUser makes an account in the browser of an administrator.
export async function addUser(context, url, name, role) {
  const answer = await context.request.post(`${url}/users`, { form: { name, role, password }, maxRedirects: 0 });
  if (answer.status() !== 303) throw new Error(`user ${name}: ${answer.status()}`);
}

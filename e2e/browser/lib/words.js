// The words of the product, so that one test speaks every language of it.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../web/i18n');
const catalogues = {};

// words gives the text of a key in a language; what stands for %s is given after the key.
export function words(lang) {
  catalogues[lang] ??= Object.assign({}, ...readdirSync(join(folder, lang)).filter((f) => f.endsWith('.json')).map((f) => JSON.parse(readFileSync(join(folder, lang, f), 'utf8'))));
  return (key, ...args) => {
    const text = catalogues[lang][key];
    if (text === undefined) throw new Error(`${lang} has no word for ${key}`);
    return text.replace(/%[sdq]/g, () => args.shift());
  };
}

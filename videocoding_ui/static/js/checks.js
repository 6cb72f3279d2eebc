// The live echo of models/values: the server's verdict is the one that counts. Both run checks_vectors.json.

const FR_BBAN = { FR: 27, MC: 27, BE: 16, DE: 22, ES: 24, IT: 27, LU: 20, PT: 25, NL: 18, CH: 21, GB: 22, IE: 22, AT: 20 };
const clean = (text) => text.replace(/[\s\u00a0\u202f]+/g, '');
const bad = (code) => ({ level: 'format', code });
const failed = (code) => ({ level: 'check', code });
const GOOD = { level: 'ok', code: '' };

function mod97(text) {
  let rest = 0;
  for (const character of text) {
    const number = parseInt(character, 36);
    rest = (number > 9 ? rest * 100 + number : rest * 10 + number) % 97;
  }
  return rest;
}

function luhn(digits) {
  let sum = 0;
  [...digits].reverse().forEach((digit, index) => {
    const doubled = Number(digit) * (index % 2 ? 2 : 1);
    sum += doubled > 9 ? doubled - 9 : doubled;
  });
  return sum % 10 === 0;
}

function iban(text) {
  const value = clean(text).toUpperCase().replace(/[.-]/g, '');
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{8,30}$/.test(value)) return bad('format');
  const length = FR_BBAN[value.slice(0, 2)];
  if (length && value.length !== length) return failed('length');
  return mod97(value.slice(4) + value.slice(0, 4)) === 1 ? GOOD : failed('check_digits');
}

function siret(text) {
  const value = clean(text);
  if (!/^\d{14}$/.test(value)) return bad('format');
  // La Poste numbers its sites by the sum of the digits
  const post = value.startsWith('356000000') && [...value].reduce((sum, digit) => sum + Number(digit), 0) % 5 === 0;
  return luhn(value) || post ? GOOD : failed('check_digits');
}

function vat(text) {
  const value = clean(text).toUpperCase();
  if (!/^[A-Z]{2}[A-Z0-9]{2,13}$/.test(value)) return bad('format');
  if (!value.startsWith('FR')) return GOOD;
  if (!/^FR[A-Z0-9]{2}\d{9}$/.test(value)) return bad('format');
  if (!/^FR\d{2}/.test(value)) return GOOD;
  const key = (12 + 3 * (Number(value.slice(4)) % 97)) % 97;
  return key === Number(value.slice(2, 4)) ? GOOD : failed('check_digits');
}

function ics(text) {
  const value = clean(text).toUpperCase();
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{3,31}$/.test(value)) return bad('format');
  if (value.startsWith('FR') && value.length !== 13) return failed('length');
  return mod97(value.slice(7) + value.slice(0, 4)) === 1 ? GOOD : failed('check_digits');
}

function amount(text) {
  const value = clean(text).replace(/€|EUR$/i, '');
  return /^[-+]?(\d+|\d{1,3}(\.\d{3})+)([.,]\d{1,2})?$/.test(value) ? GOOD : bad('format');
}

function date(text) {
  const value = text.trim();
  const match = /^(\d{1,2})[ /.-](\d{1,2})[ /.-](\d{2}|\d{4})$/.exec(value) || /^(\d{2})(\d{2})(\d{2}|\d{4})$/.exec(value);
  const iso = /^(\d{4})-(\d{2})-(\d{2})$/.exec(value);
  if (!match && !iso) return bad('format');
  const [day, month, year] = iso ? [Number(iso[3]), Number(iso[2]), Number(iso[1])] : match.slice(1).map(Number);
  const full = year < 100 ? year + (year < 70 ? 2000 : 1900) : year;
  const made = new Date(Date.UTC(full, month - 1, day));
  return made.getUTCMonth() === month - 1 && made.getUTCDate() === day ? GOOD : bad('format');
}

function phone(text) {
  const value = clean(text).replace(/[.\-/()]/g, '').replace(/^(\+33|0033)0?/, '0');
  return /^0[1-9]\d{8}$/.test(value) ? GOOD : bad('format');
}

const pattern = (regexp) => (text) => (regexp.test(clean(text).toUpperCase()) ? GOOD : bad('format'));

const CHECKS = {
  iban,
  siret,
  vat_id: vat,
  ics,
  amount,
  date,
  phone,
  bic: pattern(/^[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$/),
  postal_code: pattern(/^\d{5}$/),
  index: pattern(/^\d+$/),
  digits: pattern(/^\d+$/),
  currency: pattern(/^[A-Z]{3}$/),
  email: (text) => (/^[^\s@]+@[^\s@]+\.[^\s@]{2,}$/.test(text.trim()) ? GOOD : bad('format')),
};

// What is typed for a field of a type: level `ok`, `check` (may be forced), `format` (has no canonical form) or `none`.
export function judge(type, text) {
  if (!text.trim()) return { level: 'none', code: '' };
  const check = CHECKS[type];
  return check ? check(text) : GOOD;
}

export const hasCheck = (type) => type in CHECKS;

// Fields in which the top row of the keyboard types digits, and the keypad's point a comma.
export const DIGIT_TYPES = new Set(['amount', 'date', 'siret', 'phone', 'postal_code', 'index', 'digits', 'iban', 'vat_id', 'ics']);
export const COMMA_TYPES = new Set(['amount']);
export const UPPER_TYPES = new Set(['iban', 'bic', 'vat_id', 'ics', 'currency']);

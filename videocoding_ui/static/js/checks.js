// The live echo of models/values: the server's verdict is the one that counts, and what needs a register (numbering plans,
// currencies, other countries' VAT rules) is the server's alone. Both sides run the vectors of models/values.

const IBAN_LENGTHS = {
  AD: 24, AT: 20, BE: 16, BG: 22, CH: 21, CY: 28, CZ: 24, DE: 22, DK: 18, EE: 20, ES: 24, FI: 18, FR: 27, GB: 22, GI: 23,
  GR: 27, HR: 21, HU: 28, IE: 22, IS: 26, IT: 27, LI: 21, LT: 20, LU: 20, LV: 21, MC: 27, MT: 31, NL: 18, NO: 15, PL: 28,
  PT: 25, RO: 24, SE: 24, SI: 19, SK: 24, SM: 27, VA: 22,
};
const MONTHS = ['janvier', 'fevrier', 'mars', 'avril', 'mai', 'juin', 'juillet', 'aout', 'septembre', 'octobre', 'novembre', 'decembre'];
const SHORT_MONTHS = { jan: 1, janv: 1, fev: 2, fevr: 2, mar: 3, avr: 4, jun: 6, jui: 7, jul: 7, juil: 7, aou: 8, sep: 9, sept: 9, oct: 10, nov: 11, dec: 12 };
const VAT_ALPHABET = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ';

const format = (code) => ({ level: 'format', code });
const failed = (code) => ({ level: 'check', code });
const GOOD = { level: 'ok', code: '' };
const compact = (text, separators = /[\s.\-_]+/g) => text.normalize('NFKC').replace(separators, '').toUpperCase();

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

// The key inside a French account number: bank, branch, account (letters count 1-9, 1-9, 2-9), key.
function ribKey(value) {
  const digits = value.slice(4, 25).replace(/[A-Z]/g, (letter) => {
    const place = letter.charCodeAt(0) - 65;
    return String(place < 18 ? (place % 9) + 1 : place - 16);
  });
  const [bank, branch, account] = [digits.slice(0, 5), digits.slice(5, 10), digits.slice(10)].map((part) => mod97(part));
  return 97 - ((89 * bank + 15 * branch + 3 * account) % 97) === Number(value.slice(25));
}

function iban(text) {
  const value = compact(text, /[\s.\-_:]+/g).replace(/^IBAN/, '');
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(value)) return format('iban.format');
  const country = value.slice(0, 2);
  const length = IBAN_LENGTHS[country];
  if (length && value.length !== length) return failed('iban.length');
  if (mod97(value.slice(4) + value.slice(0, 4)) !== 1) return failed('iban.check_digits');
  if (['FR', 'MC'].includes(country) && /^.{4}\d{10}[A-Z0-9]{11}\d{2}$/.test(value) && !ribKey(value)) return failed('iban.national_key');
  return GOOD;
}

function bic(text) {
  return /^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$/.test(compact(text).replace(/^BIC(?=.{8})/, '')) ? GOOD : format('bic.format');
}

function siren(text) {
  const value = compact(text);
  if (!/^\d{9}$/.test(value)) return format('siren.format');
  return luhn(value) ? GOOD : failed('siren.check_digits');
}

function siret(text) {
  const value = compact(text);
  if (!/^\d{14}$/.test(value)) return format('siret.format');
  // La Poste numbers its sites by the sum of the digits
  const post = value.startsWith('356000000') && value !== '35600000000048';
  const sum = [...value].reduce((total, digit) => total + Number(digit), 0);
  return luhn(value.slice(0, 9)) && (post ? sum % 5 === 0 : luhn(value)) ? GOOD : failed('siret.check_digits');
}

function vat(text) {
  const value = compact(text, /[\s.\-_/]+/g);
  if (!value.startsWith('FR')) return /^[A-Z]{2}[A-Z0-9+*]{2,13}$/.test(value) ? GOOD : format('vat_id.format');
  if (!/^FR[A-Z0-9]{2}\d{9}$/.test(value)) return format('vat_id.format');
  const [first, second, number] = [value[2], value[3], value.slice(4)];
  const [a, b] = [VAT_ALPHABET.indexOf(first), VAT_ALPHABET.indexOf(second)];
  const company = number.startsWith('000') || luhn(number);
  if (a < 0 || b < 0 || !company) return failed('vat_id.check_digits');
  if (a < 10 && b < 10) return mod97(`${number}12`) === Number(first + second) ? GOOD : failed('vat_id.check_digits');
  const key = a < 10 ? a * 24 + b - 10 : a * 34 + b - 100;
  return (Number(number) + 1 + Math.floor(key / 11)) % 11 === key % 11 ? GOOD : failed('vat_id.check_digits');
}

function ics(text) {
  const value = compact(text).replace(/^ICS/, '');
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{3}[A-Z0-9]{1,28}$/.test(value)) return format('ics.format');
  if (value.startsWith('FR') && value.length !== 13) return failed('ics.length');
  return mod97(value.slice(7) + value.slice(0, 4)) === 1 ? GOOD : failed('ics.check_digits');
}

function rum(text) {
  const value = text.replace(/\s+/g, '').toUpperCase();
  if (!/^[A-Z0-9/\-?:().,'+]+$/.test(value)) return format('rum.format');
  if (value.length > 35) return failed('rum.length');
  return value.startsWith('/') || value.endsWith('/') || value.includes('//') ? failed('rum.slashes') : GOOD;
}

function amount(text) {
  let value = text.normalize('NFKC').replace(/[\u2212\u2013\u2014]/g, '-').replace(/[\u2019\u02bc]/g, "'").trim();
  value = value.replace(/(\d)\s*€\s*(?=\d{2}$)/, '$1,').replace(/€|EUROS?\b|\bEUR(?=\d|\b)|(?<=[\d,.])EUR\b/gi, ' ');
  value = value.replace(/^[*=#\s]+|[*=#\s]+$/g, '');
  if (value.startsWith('(') && value.endsWith(')')) value = value.slice(1, -1).trim();
  value = value.replace(/^[+-]\s*|\s*-$/g, '').replace(/\s+/g, ' ').replace(/\s*([.,])\s*/g, '$1');
  if (!/^[\d .,']*\d[.,]?$/.test(value) || value.replace(/\D/g, '').length > 15) return format('amount.format');
  const last = Math.max(value.lastIndexOf(','), value.lastIndexOf('.'));
  let [whole, decimals] = last < 0 ? [value, ''] : [value.slice(0, last), value.slice(last + 1)];
  if (last >= 0 && decimals.length === 3) {
    if (whole.includes(value[last])) [whole, decimals] = [value, ''];
    else if (!/[ ']/.test(whole) && !/[.,]/.test(whole) && whole.length <= 3 && !['', '0'].includes(whole)) return format('amount.ambiguous');
  }
  const grouped = /^\d{1,3}(?:([ '.,])\d{3})(?:\1\d{3})*$/.test(whole);
  return (/^\d*$/.test(whole) || grouped) && /^\d*$/.test(decimals) ? GOOD : format('amount.format');
}

const fullYear = (year) => (year.length > 2 ? Number(year) : Number(year) + (Number(year) < 70 ? 2000 : 1900));

function isDay(year, month, day) {
  if (year < 1900 || year > 2099) return false;
  const made = new Date(Date.UTC(year, month - 1, day));
  return made.getUTCFullYear() === year && made.getUTCMonth() === month - 1 && made.getUTCDate() === day;
}

function date(text) {
  const timeOfDay = /(?:\s+(?:a|à)|,|\s|T)\s*\d{1,2}\s*(?:h|:)\s*\d{0,2}(?::\d{2})?(?:\.\d+)?\s*Z?$/i;
  const value = text.normalize('NFKC').split(/\s+/).join(' ').replace(/^[ .;:,]+|[ .;:,]+$/g, '').replace(timeOfDay, '');
  const verdict = (good) => (good ? GOOD : format('date.impossible'));
  let match = /^(\d{1,2})\s?([/.\- ,])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{2})$/.exec(value);
  if (match) return verdict(isDay(fullYear(match[4]), Number(match[3]), Number(match[1])));
  match = /^(\d{4})\s?([/.-])\s?(\d{1,2})\s?\2\s?(\d{1,2})$/.exec(value);
  if (match) return verdict(isDay(Number(match[1]), Number(match[3]), Number(match[4])));
  const run = value.replace(/ /g, '');
  if (/^\d{8}$/.test(run)) {
    const first = isDay(Number(run.slice(4)), Number(run.slice(2, 4)), Number(run.slice(0, 2)));
    return verdict(first || isDay(Number(run.slice(0, 4)), Number(run.slice(4, 6)), Number(run.slice(6))));
  }
  if (/^\d{6}$/.test(run)) return verdict(isDay(fullYear(run.slice(4)), Number(run.slice(2, 4)), Number(run.slice(0, 2))));
  const bare = value.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  match = /^(\d{1,2})\s?(?:er|eme|e)?[\s.\-/]*([a-z]{2,10})[\s.,\-/]*(\d{4}|\d{2})$/.exec(bare);
  const month = match && (MONTHS.indexOf(match[2]) + 1 || SHORT_MONTHS[match[2]]);
  if (match && month && isDay(fullYear(match[3]), month, Number(match[1]))) return GOOD;
  // dates in other words are the server's to read
  return /[a-z]{3}/.test(bare) && /\d{4}/.test(bare) ? GOOD : format('date.format');
}

function phone(text) {
  const value = text.trim().replace(/\(\s*0\s*\)/, '').replace(/[\s.\-/()_]+/g, '').replace(/^00(?=[1-9])/, '+');
  const home = /^\+(33|262|590|594|596)0?[1-9]\d{8}$/.test(value) || /^0[1-9]\d{8}$/.test(value);
  return home || (/^\+[1-9]\d{8,14}$/.test(value) && !value.startsWith('+33')) ? GOOD : format('phone.format');
}

function email(text) {
  const value = text.replace(/\s+/g, '').replace(/^[.,;:]+|[.,;:]+$/g, '').toLowerCase();
  const shape = /^[^\s@,;<>()[\]"\\]{1,64}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}_-]{0,61}[\p{L}\p{N}])?\.)+\p{L}{2,24}$/u;
  if (!shape.test(value) || value.length > 254) return format('email.format');
  const local = value.slice(0, value.indexOf('@'));
  return local.startsWith('.') || local.endsWith('.') || value.includes('..') ? failed('email.dots') : GOOD;
}

function postalCode(text) {
  const value = compact(text, /[\s.]+/g).replace(/^(?:FR|F)-?(?=\d)/, '');
  if (!/^\d{5}$/.test(value)) return format('postal_code.format');
  const first = Number(value.slice(0, 2));
  const overseas = /^(97[1-8]|980|984|986|987|988)/.test(value);
  return (first >= 1 && first <= 95) || overseas ? GOOD : failed('postal_code.unknown');
}

function index(text) {
  const value = text.normalize('NFKC').replace(/\s+/g, '').replace(/(\d)m3$/i, '$1');
  if (!/^\d+$/.test(value)) return format('index.format');
  return value.replace(/^0+(?=\d)/, '').length > 9 ? failed('index.length') : GOOD;
}

function reference(text) {
  const value = text.replace(/[\s\p{C}]+/gu, '');
  if (!/[\p{L}\p{N}]/u.test(value)) return format('reference.format');
  return value.length > 50 ? failed('reference.length') : GOOD;
}

function currency(text) {
  const value = text.trim().toUpperCase();
  return /^[A-Z]{3}$|^[€$£]$|^EUROS?$/.test(value) ? GOOD : format('currency.format');
}

const oneOf = (words, code) => (text) => {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').replace(/’/g, "'").toLowerCase().trim().split(/\s+/).join(' ');
  return words.includes(plain) ? GOOD : format(code);
};
const flag = oneOf(['true', 'oui', 'o', '1', 'x', 'vrai', 'false', 'non', 'n', '0', 'faux'], 'flag.format');
const documentKind = oneOf(
  ['invoice', 'facture', '380', 'credit_note', 'credit note', 'creditnote', 'avoir', "facture d'avoir", 'note de credit', '381'],
  'document_kind.format',
);
const ape = (text) => (/^\d{4}[A-Z]$/.test(compact(text, /[\s.]+/g)) ? GOOD : format('ape.format'));
const digits = (text) => (/^\d+$/.test(compact(text)) ? GOOD : format('digits.format'));

const CHECKS = { iban, bic, siren, siret, vat_id: vat, ics, rum, amount, date, phone, email, postal_code: postalCode, index, reference, currency, digits, ape, flag, document_kind: documentKind };

// What is typed for a field of a type: level `ok`, `check` (may be forced), `format` (has no canonical form) or `none`.
export function judge(type, text) {
  if (!text.trim()) return { level: 'none', code: '' };
  const check = CHECKS[type];
  return check ? check(text) : GOOD;
}

// Types whose check says something worth a tick: arithmetic or a calendar, not a mere form.
const TELLING = new Set(['iban', 'siren', 'siret', 'vat_id', 'ics', 'date']);
export const isTelling = (type) => TELLING.has(type);

// Fields in which the top row of the keyboard types digits, and the keypad's point a comma.
export const DIGIT_TYPES = new Set(['amount', 'date', 'siren', 'siret', 'phone', 'postal_code', 'index', 'digits', 'iban', 'vat_id', 'ics']);
export const COMMA_TYPES = new Set(['amount']);
export const UPPER_TYPES = new Set(['iban', 'bic', 'vat_id', 'ics', 'rum', 'currency']);

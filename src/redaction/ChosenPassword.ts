/** Decides whether a value beside the name of a secret can be a password, and not a word, a path or a name of code. */

const version = /^[v~^]?\d{1,5}(?:[.-]\d{1,5}){1,4}(?:[-+][\w.]{1,32})?$/
const amount = /^\d[\d.,:]{0,16}(?:[a-zA-Z]{1,5}|%)?$/
const dateOrTime = /^\d{2,4}[-:/]\d{2}/
// A word with a number at its end, and a name in camel case or with signs: `utf8`, `Base64Encoder`, `db-2`.
const codeName = /^[a-z]{0,32}\d{0,2}(?:[A-Z][a-z]{1,32}\d{0,2}){0,8}$/
const words = /^(?:[A-Za-z]{1,32}[-_.]){1,8}[A-Za-z]{0,32}\d{0,2}$/
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether a value has letters and digits as passwords and keys have them. */
export const isLikely = (value: string): boolean =>
  value.length >= 6 &&
  value.length <= 512 &&
  /\d/.test(value) &&
  /[A-Za-z]/.test(value) &&
  !/^[<[({$%/.~]|[\\(){}<>]|:\/\/|\/.{0,256}\.|=./.test(value) &&
  !/^(?:sha\d|md5|0x)/i.test(value) &&
  ![version, amount, dateOrTime, codeName, words, uuid].some((pattern) => pattern.test(value))

/** Masks private keys in their text forms: PEM, SSH2 and PuTTY. */

interface Form {
  readonly begin: string
  readonly header: RegExp
  readonly end: RegExp
}

const forms: ReadonlyArray<Form> = [
  {
    begin: "-----BEGIN ",
    header: /^-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/,
    end: /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
  },
  {
    begin: "---- BEGIN ",
    header: /^---- BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY ----/,
    end: /---- END [A-Z0-9 ]{0,40}PRIVATE KEY ----/g
  },
  { begin: "Private-Lines: ", header: /^Private-Lines: \d{1,4}/, end: /Private-MAC: [0-9a-f]{0,128}/g }
]

// A search by hand, because a pattern for the whole key would scan to the end of the text from every start without end.
const without = (text: string, { begin, end, header }: Form, mask: string): string => {
  let at = text.indexOf(begin)
  if (at < 0) return text
  let out = ""
  let from = 0
  for (; at >= 0; at = text.indexOf(begin, Math.max(from, at + 1))) {
    if (!header.test(text.slice(at, at + 80))) continue
    out += text.slice(from, at) + mask
    end.lastIndex = at
    const found = end.exec(text)
    // Without an end the key is cut, so everything after its start may be part of it.
    if (found === null) return out
    from = found.index + found[0].length
  }
  return out + text.slice(from)
}

// A private key in base64, also over several literals of code. Certificates and public keys are kept.
const encoded =
  /LS0tLS1CRUdJTiB(?!DRVJU|QVUJM)[A-Za-z0-9+/=]{8,}(?:["']?(?:\\n|[\s,\\]){1,64}["']?[A-Za-z0-9+/=]{8,})*/g

/** Replaces each private key by the mask. */
export const scrub = (text: string, mask: string): string => {
  const out =
    text.includes("PRIVATE KEY") || text.includes("Private-Lines")
      ? forms.reduce((out, form) => without(out, form, mask), text)
      : text
  return out.includes("LS0tLS1CRUdJTiB") ? out.replace(encoded, mask) : out
}

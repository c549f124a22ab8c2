/** Secrets of clients: their form, their hash, and their comparison. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

/** 256 random bits as text. */
export const random = (): string => randomBytes(32).toString("base64url")

/**
 * Returns the hash under which a secret is kept. One round of SHA-256 suffices, because a secret has 256 random bits: nobody can
 * try a relevant part of them. A slow hash protects passwords that people choose, and would let clients without a token occupy the
 * processor here.
 */
export const hash = (secret: string): string => createHash("sha256").update(secret).digest("hex")

/** Compares two hashes in the same time whether or not they are equal. */
export const equals = (left: string, right: string): boolean => {
  const [a, b] = [Buffer.from(left, "hex"), Buffer.from(right, "hex")]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The name of a token. It is part of a file's name and of the token itself, so it has few characters. */
const name = "[a-z0-9][a-z0-9-]{0,39}"
const namePattern = new RegExp(`^${name}$`)
const tokenPattern = new RegExp(`^ecx_(${name})_[\\w-]{43}$`)

export const isName = (text: string): boolean => namePattern.test(text)

/** Makes the token with a name. */
export const token = (name: string): string => `ecx_${name}_${random()}`

/** Returns the name in a token, or `undefined` if the text has another form. */
export const nameOf = (token: string): string | undefined => tokenPattern.exec(token)?.[1]

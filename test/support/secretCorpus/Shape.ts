/** One way in which a secret is written in text or in a value. */
import * as Fresh from "./Fresh.ts"

export interface Sample {
  /** Text, or a value that a program logs. A value is scrubbed as it is and as JSON text. */
  readonly input: unknown
  /** What must not be left, nor eight characters in a row of it. */
  readonly secrets: ReadonlyArray<string>
  /** Secrets that the environment holds. */
  readonly known?: ReadonlyArray<string>
}

export interface Shape {
  readonly title: string
  readonly make: (fresh: Fresh.Fresh) => Sample
}

type Make = (fresh: Fresh.Fresh) => string

/** A token that is known by its form alone: no word beside it says that it is a secret. */
export const token = (title: string, make: Make): Shape => ({
  title,
  make: (fresh) => {
    const secret = make(fresh)
    const input = fresh.oneOf<string>([
      `got ${secret} from the page`,
      `"${secret}"`,
      `(${secret}), then`,
      secret
    ])
    return { input, secrets: [secret] }
  }
})

/** A secret that the text around it gives away. */
export const around = (
  title: string,
  text: (secret: string, fresh: Fresh.Fresh) => unknown,
  make: Make = (fresh) => fresh.password()
): Shape => ({
  title,
  make: (fresh) => {
    const secret = make(fresh)
    return { input: text(secret, fresh), secrets: [secret] }
  }
})

/** A secret of the environment in another encoding. */
export const known = (
  title: string,
  encode: (secret: string, fresh: Fresh.Fresh) => readonly [text: string, leak: string]
): Shape => ({
  title,
  make: (fresh) => {
    const secret = `${fresh.alnum(14)}/${fresh.password()}`
    const [input, leak] = encode(secret, fresh)
    return { input, secrets: [leak], known: [secret] }
  }
})

import * as Context from "effect/Context"

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The environment that `layer` reads: that of the process. */
export const Environment = Context.Reference<Environment>("effect-codex/telemetry/Settings/Environment", {
  defaultValue: () => process.env
})

/** One environment variable that has a value. */
export interface Variable {
  readonly name: string
  readonly value: string
}

/** The longest that a timer of Node can wait; one that is set for longer goes off at once. */
const longest = 2 ** 31 - 1

/** Reads variables by name, first come first served, and collects what cannot be used; no warning shows a value. */
export class Variables {
  private readonly complaints = new Set<string>()
  private readonly environment: Readonly<Record<string, string | undefined>>

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.environment = environment
  }

  /** What there is to complain about, each once, however many signals read the same variable. */
  get warnings(): ReadonlyArray<string> {
    return [...this.complaints]
  }

  warn(variable: Variable, problem: string): void {
    this.complaints.add(`${variable.name} ${problem}`)
  }

  /** Those that are set, in the order of their names; blank counts as not set. */
  all(...names: ReadonlyArray<string>): ReadonlyArray<Variable> {
    return names.flatMap((name) => {
      const value = this.environment[name]?.trim() ?? ""
      return value === "" ? [] : [{ name, value }]
    })
  }

  first(...names: ReadonlyArray<string>): Variable | undefined {
    return this.all(...names)[0]
  }

  wholeNumber(minimum: number, ...names: ReadonlyArray<string>): number | undefined {
    for (const variable of this.all(...names)) {
      const number = /^\d+$/.test(variable.value) ? Number(variable.value) : NaN
      if (Number.isSafeInteger(number) && number >= minimum) return number
      this.warn(variable, `is not a whole number from ${minimum} up and is ignored`)
    }
    return undefined
  }

  milliseconds(...names: ReadonlyArray<string>): number | undefined {
    const number = this.wholeNumber(1, ...names)
    return number === undefined ? undefined : Math.min(number, longest)
  }

  /** A number from 0 to 1. */
  share(...names: ReadonlyArray<string>): number | undefined {
    for (const variable of this.all(...names)) {
      const number = /^(?:\d+(?:\.\d*)?|\.\d+)$/.test(variable.value) ? Number(variable.value) : NaN
      if (number >= 0 && number <= 1) return number
      this.warn(variable, "is not a number from 0 to 1 and is ignored")
    }
    return undefined
  }

  /** One of some words, in lower case; what is none of them is passed over with a warning. */
  word<Word extends string>(words: ReadonlyArray<Word>, ...names: ReadonlyArray<string>): Word | undefined {
    for (const variable of this.all(...names)) {
      const value = variable.value.toLowerCase()
      const found = words.find((word) => word === value)
      if (found !== undefined) return found
      this.warn(variable, `is none of ${words.join(", ")} and is ignored`)
    }
    return undefined
  }
}

/** What somebody who switches something on or off may write. */
export const toBoolean = (value: string): boolean | undefined =>
  /^(?:1|true|yes|on)$/i.test(value) ? true : /^(?:0|false|no|off)$/i.test(value) ? false : undefined

/** The parts of a list between commas, in lower case, without blanks. */
export const toWords = (list: string): ReadonlyArray<string> =>
  list.split(",").flatMap((part) => {
    const word = part.trim().toLowerCase()
    return word === "" ? [] : [word]
  })

/** The `name=value` of a list, both trimmed; `undefined` where something else stands. */
export const toPairs = (
  list: string,
  separator: RegExp
): ReadonlyArray<readonly [string, string] | undefined> =>
  list.split(separator).flatMap((item) => {
    const pair = item.trim()
    if (pair === "") return []
    const at = pair.indexOf("=")
    return [at < 1 ? undefined : ([pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const)]
  })

/** Percent-decoded text; `undefined` if it was not encoded that way. */
export const toDecoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

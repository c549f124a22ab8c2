/** One environment variable that has a value. */
export interface Variable {
  readonly name: string
  readonly value: string
}

/** Reads variables by name, first come first served, and collects what cannot be used; no warning shows a value. */
export class Variables {
  readonly warnings: Array<string> = []
  private readonly environment: Readonly<Record<string, string | undefined>>

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.environment = environment
  }

  warn(variable: Variable, problem: string): void {
    this.warnings.push(`${variable.name} ${problem}`)
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
}

/** What somebody who switches something on or off may write. */
export const toBoolean = (value: string): boolean | undefined =>
  /^(?:1|true|yes|on)$/i.test(value) ? true : /^(?:0|false|no|off)$/i.test(value) ? false : undefined

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

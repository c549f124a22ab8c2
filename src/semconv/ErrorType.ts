import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"

/**
 * Returns the `error.type` of an exit. It is built from names only and has no content. Returns `undefined` for a success
 * and for an interruption, which is not an error.
 */
export const fromExit = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  if (exit._tag === "Success") return undefined
  const { reasons } = exit.cause
  const failure = reasons.find(Cause.isFailReason)
  if (failure !== undefined) return fromUnknown(failure.error, tagged)
  const defect = reasons.find(Cause.isDieReason)
  if (defect !== undefined) return fromUnknown(defect.defect, constructed)
  return reasons.length === 0 ? other : undefined
}

const other = "_OTHER"

// A `reason` may be a path, an address or a sentence: only an identifier as code declares it is one of a closed set.
const declared = /^[A-Z][A-Za-z]{1,63}$/
const name = /^@?[A-Za-z_][\w$./:-]{0,127}$/
const isName = (value: unknown): value is string => typeof value === "string" && name.test(value)

const fromUnknown = (error: unknown, otherwise: (error: object) => string | undefined): string => {
  if (typeof error !== "object" || error === null) return other
  try {
    return [property(error, "errorType"), otherwise(error)].find(isName) ?? other
  } catch {
    return other
  }
}

const tagged = (error: object): string | undefined => {
  const tag = property(error, "_tag")
  const reason = property(error, "reason")
  return tag !== undefined && reason !== undefined && declared.test(reason) ? `${tag}.${reason}` : tag
}

const constructed = (error: object): string | undefined => {
  const made = error.constructor
  return made === undefined || made === Object ? undefined : made.name
}

const property = (error: object, key: string): string | undefined => {
  const value: unknown = Reflect.get(error, key)
  return typeof value === "string" ? value : undefined
}

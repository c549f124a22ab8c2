/** The known values of `error.type`. */
import * as CodexError from "../../domain/CodexError.ts"
import { errorType } from "../../semconv/Convention.ts"

const reasonsOf = (fields: object): ReadonlyArray<string> => {
  if (!("reason" in fields)) return []
  const { reason } = fields
  if (typeof reason !== "object" && typeof reason !== "function") return []
  if (reason === null || !("literals" in reason) || !Array.isArray(reason.literals)) return []
  return reason.literals.filter((literal) => typeof literal === "string")
}

const known: ReadonlySet<string> = new Set([
  ...Object.values(errorType),
  ...CodexError.CodexError.members.flatMap((member) => {
    const { fields } = "to" in member ? member.to : member
    const tag = fields._tag.schema.literal
    const reasons = reasonsOf(fields)
    return reasons.length === 0 ? [tag] : reasons.map((reason) => `${tag}.${reason}`)
  })
])

export const has = (type: string): boolean => known.has(type)

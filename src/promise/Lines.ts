/**
 * The conversions of `EventJson` with the types of its schemas. They construct the JSON by hand, because a schema for each
 * event would cost too much; a property test compares both.
 */
import type * as CodexError from "../domain/CodexError.ts"
import * as EventJson from "../domain/EventJson.ts"
import type * as Item from "../domain/Item.ts"
import type * as Turn from "../domain/Turn.ts"

export const item = EventJson.item as (item: Item.Item) => EventJson.ItemLine

export const event = EventJson.event as (
  event: Exclude<Turn.TurnEvent, { readonly _tag: "TurnCompleted" }>
) => EventJson.EventLine

export const last = EventJson.last as (
  turn: Turn.Turn | undefined,
  failure: CodexError.CodexError | "interrupted" | undefined,
  ids: { readonly threadId: string | undefined; readonly turnId: string | undefined }
) => EventJson.EventLine

/** The items of a turn. Every value is a text node: nothing that the agent says becomes markup. */
import type { ComponentChildren } from "preact"
import type { ItemMessage } from "./Messages.ts"
import { listOf, numberOf, textOf } from "./TurnModel.ts"

/** How many characters of one item the page shows at first. */
const shownCharacters = 20_000

const LongText = ({ text, className }: { readonly text: string; readonly className: string }) => (
  <pre class={className} tabIndex={0}>
    {text.length > shownCharacters
      ? `${text.slice(0, shownCharacters)}\n… ${text.length - shownCharacters} more characters`
      : text}
  </pre>
)

/** Colours the lines of a diff by their first character. */
export const Diff = ({ text }: { readonly text: string }) => (
  <pre class="code" tabIndex={0}>
    {text
      .slice(0, shownCharacters)
      .split("\n")
      .map((line, index) => (
        <span key={index} class={line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : ""}>
          {`${line}\n`}
        </span>
      ))}
    {text.length > shownCharacters && `… ${text.length - shownCharacters} more characters`}
  </pre>
)

const Block = (props: {
  readonly label: string
  readonly status?: string | undefined
  readonly children?: ComponentChildren
}) => (
  <div class="item">
    <div class="item-label">
      {props.label}
      {props.status !== undefined && <span class={`status ${props.status}`}>{props.status}</span>}
    </div>
    {props.children}
  </div>
)

const commandStatus = (item: ItemMessage): string | undefined => {
  const exitCode = numberOf(item, "exitCode")
  if (exitCode !== undefined && exitCode !== 0) return `exit code ${exitCode}`
  const status = textOf(item, "status")
  return status === "inProgress" ? "running" : status
}

const json = (value: unknown): string => JSON.stringify(value, null, 2) ?? ""

/** An item of a turn. Codex starts a message with an empty text, so the text that has arrived shows until the item has its own. */
export const ItemView = ({
  item,
  partial = ""
}: {
  readonly item: ItemMessage
  readonly partial?: string
}) => {
  switch (item.type) {
    case "user_message":
      return (
        <Block label="You">
          <p class="prose">{textOf(item, "text")}</p>
        </Block>
      )
    case "agent_message":
      return (
        <Block label="Agent">
          <p class="prose">{textOf(item, "text") || partial}</p>
        </Block>
      )
    case "reasoning": {
      const summary = listOf(item, "summary").join("\n") || partial
      return summary === "" ? null : (
        <Block label="Reasoning">
          <p class="prose quiet">{summary}</p>
        </Block>
      )
    }
    case "plan":
      return (
        <Block label="Plan">
          <p class="prose">{textOf(item, "text") || partial}</p>
        </Block>
      )
    case "command_execution": {
      const output = textOf(item, "output") || partial
      return (
        <Block label="Command" status={commandStatus(item)}>
          <LongText className="code" text={textOf(item, "command") ?? ""} />
          {output !== "" && <LongText className="code output" text={output} />}
        </Block>
      )
    }
    case "file_change":
      return (
        <Block label="File changes" status={textOf(item, "status")}>
          {listOf(item, "changes").map((change, index) => (
            <div key={index}>
              <div class="path">
                {textOf(change, "kind")} <bdi>{textOf(change, "path")}</bdi>
              </div>
              <Diff text={textOf(change, "diff") ?? ""} />
            </div>
          ))}
        </Block>
      )
    case "tool_call":
    case "mcp_tool_call":
      return (
        <Block label={`Tool ${textOf(item, "tool") ?? ""}`} status={textOf(item, "status")}>
          <LongText className="code" text={json("arguments" in item ? item.arguments : {})} />
        </Block>
      )
    default: {
      const { id: _, type, ...fields } = item
      return (
        <Block label={type.replaceAll("_", " ")}>
          {Object.keys(fields).length > 0 && <LongText className="code" text={json(fields)} />}
        </Block>
      )
    }
  }
}

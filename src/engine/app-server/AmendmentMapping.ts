/** Decodes the lasting approvals that Codex offers, and encodes the decisions that grant one. Pure. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Amendment } from "../../domain/Amendment.ts"
import type { ApprovalDecision } from "../../domain/ApprovalDecision.ts"
import { canonicalJson } from "../../internal/CanonicalJson.ts"
import { programOf, runners } from "../../internal/RunnerPrograms.ts"
import * as Protocol from "./Protocol.ts"

type CommandParams = (typeof Protocol.serverRequests)["item/commandExecution/requestApproval"]["Type"]

const decodeDecision = Schema.decodeUnknownOption(Protocol.requestParts.availableDecision)
const decodePersistence = Schema.decodeUnknownOption(Protocol.requestParts.persistence)

/** Codex refuses an acceptance that it does not offer. Without a list, it offers to accept. */
export const canAccept = ({ availableDecisions }: CommandParams): boolean =>
  availableDecisions === null || availableDecisions === undefined || availableDecisions.includes("accept")

const decodeNetwork = Schema.decodeUnknownOption(Protocol.requestParts.network)

/** Whether a prefix is the beginning of the command, and not only a program that runs what its arguments say. */
const isOffered = (prefix: ReadonlyArray<string>, argv: ReadonlyArray<string>): boolean => {
  const [program] = prefix
  if (program === undefined || !prefix.every((word, index) => word === argv[index])) return false
  if (!runners.has(programOf(program))) return true
  // `bash`, `bash -c` and `env A=b` would allow every command.
  return (
    prefix.length === argv.length &&
    prefix.slice(1).some((word) => !word.startsWith("-") && !word.includes("="))
  )
}

/** A host name or an address. The agent chooses the host of a request, and `*.com` or `.com` would be many hosts. */
const exactHost =
  /^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*|[0-9a-f:]*:[0-9a-f:.]+)$/i

/**
 * Returns the lasting approvals that Codex lists as available decisions and that are no wider than the request shows. The
 * model may propose one.
 *
 * - A prefix must be the beginning of the command that is shown, and the one that Codex proposes. For a program that runs
 *   other programs it must be the whole command.
 * - A host must be the one of the request, and exactly one host. Amendments that deny a host are left out.
 */
export const ofCommand = (
  { availableDecisions, kind, networkApprovalContext, proposedExecpolicyAmendment }: CommandParams,
  argv: ReadonlyArray<string> | undefined
): ReadonlyArray<Amendment> =>
  (availableDecisions ?? []).flatMap((wire): ReadonlyArray<Amendment> => {
    const decision = Option.getOrUndefined(decodeDecision(wire))
    if (decision === undefined || typeof decision === "string") return []
    if ("applyNetworkPolicyAmendment" in decision) {
      const { action, host } = decision.applyNetworkPolicyAmendment.network_policy_amendment
      const requested = Option.getOrUndefined(decodeNetwork(networkApprovalContext))?.host
      return action === "allow" && host === requested && exactHost.test(host)
        ? [{ _tag: "Network", host }]
        : []
    }
    const { execpolicy_amendment: prefix } = decision.acceptWithExecpolicyAmendment
    const offered = (kind ?? "command") === "command" && argv !== undefined && isOffered(prefix, argv)
    return offered && canonicalJson(prefix) === canonicalJson(proposedExecpolicyAmendment)
      ? [{ _tag: "ExecPolicy", prefix }]
      : []
  })

/** Returns the lasting approvals of a call of an MCP tool. */
export const ofMcpTool = (meta: unknown): ReadonlyArray<Amendment> => {
  const persist = Option.getOrUndefined(decodePersistence(meta))?.persist ?? []
  const offered = new Set(typeof persist === "string" ? [persist] : persist)
  return (["session", "always"] as const).flatMap((lasts) =>
    offered.has(lasts) ? [{ _tag: "McpTool" as const, lasts }] : []
  )
}

const amendmentOf = (decision: ApprovalDecision): Amendment | undefined =>
  decision._tag === "Accept" && decision.given?._tag === "Amendment" ? decision.given.amendment : undefined

/** Encodes the decision about a command that grants a lasting approval, or returns `undefined` if it grants none. */
export const commandDecision = (decision: ApprovalDecision): unknown => {
  const amendment = amendmentOf(decision)
  switch (amendment?._tag) {
    case "ExecPolicy":
      return { acceptWithExecpolicyAmendment: { execpolicy_amendment: amendment.prefix } }
    case "Network":
      return {
        applyNetworkPolicyAmendment: {
          network_policy_amendment: { host: amendment.host, action: "allow" }
        }
      }
    default:
      return undefined
  }
}

/** Encodes the metadata of an accepted call of an MCP tool. Without `persist`, Codex asks again for the next call. */
export const mcpToolMeta = (decision: ApprovalDecision): unknown => {
  const amendment = amendmentOf(decision)
  return amendment?._tag === "McpTool" ? { persist: amendment.lasts } : null
}

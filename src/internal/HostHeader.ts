/**
 * Decides by the `Host` header whether a request is meant for a server of this process. A web page can make a browser send
 * requests to loopback: its own name then leads there (DNS rebinding). The `Host` header still has the name of the page.
 */
import type { IncomingMessage } from "node:http"
import { BlockList, isIP } from "node:net"

const loopback = new BlockList()
loopback.addSubnet("127.0.0.0", 8, "ipv4")
loopback.addAddress("::1", "ipv6")

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4")

/** The status of the answer to a request for another host: Misdirected Request. */
export const status = 421

const pattern = /^(?:\[([\da-f:.]+)\]|([^\s[\]:/@]+))(?::\d{1,5})?$/i

/** Returns the name or address without its port, in lower case, or `undefined` if the header is not one. */
export const nameOf = (header: string): string | undefined => {
  const [, address, name] = pattern.exec(header) ?? []
  if (address !== undefined) return isIP(address) === 6 ? address.toLowerCase() : undefined
  return name?.toLowerCase().replace(/\.$/, "")
}

const isLoopbackAddress = (name: string): boolean => isIP(name) !== 0 && loopback.check(name, familyOf(name))

/** Whether a server that listens on this host can only be reached from this machine. */
export const isLoopback = (host: string): boolean => host === "localhost" || isLoopbackAddress(host)

/**
 * Whether a request is for this server: by a loopback name, or by a name in `allowed`. Ports do not count, because a forwarded
 * port is another one. A server that listens on other interfaces accepts every address, because only a name can be rebound.
 */
export const accepts = (
  request: Pick<IncomingMessage, "rawHeaders">,
  options: { readonly allowed?: ReadonlyArray<string>; readonly anyAddress?: boolean } = {}
): boolean => {
  const { allowed = [], anyAddress = false } = options
  const headers = request.rawHeaders.filter(
    (_, index) => index % 2 === 1 && request.rawHeaders[index - 1]?.toLowerCase() === "host"
  )
  const [header] = headers
  if (header === undefined || headers.length > 1) return false
  const name = nameOf(header)
  if (name === undefined) return false
  if (isLoopback(name) || (anyAddress && isIP(name) !== 0)) return true
  return allowed.some((host) => nameOf(host) === name || host.toLowerCase() === name)
}

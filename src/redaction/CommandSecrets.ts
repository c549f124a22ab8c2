/** Masks passwords in the arguments of known programs, whose short options do not name a secret: `mysql -pX`. */
import { mask } from "./mask.ts"

interface Rule {
  /** Names of programs, as a pattern. */
  readonly programs: string
  /** The option before the value, as a pattern. */
  readonly option: string
  /** Whether the value is attached to the option, is the next argument, or either. */
  readonly place: "attached" | "next" | "either"
  /** A word that must be among the arguments before the option. */
  readonly after?: string
  /** The character that ends the name of a user before the value. */
  readonly user?: string
}

const rules: ReadonlyArray<Rule> = [
  { programs: "curl", option: "-u|-U|--user|--proxy-user", place: "either", user: ":" },
  { programs: "(?:mysql|mariadb)[\\w-]{0,16}", option: "-p", place: "attached" },
  { programs: "7z[ar]?|rar|unrar", option: "-h?p", place: "attached" },
  { programs: "[xw]freerdp", option: "/p:", place: "attached" },
  { programs: "https?(?:ie)?|etcdctl|mc", option: "-a|--auth|--user", place: "either", user: ":" },
  { programs: "openssl", option: "-k|-K|-pass(?:in|out)?", place: "next" },
  { programs: "useradd|usermod|twine|nxc|netexec|evil-winrm|hydra", option: "-p", place: "next" },
  { programs: "nuget|dotnet|gem|choco", option: "-k|--api-key|-ApiKey", place: "next" },
  { programs: "ipmitool", option: "-P", place: "either" },
  { programs: "snmp\\w{2,12}", option: "-[AXc]", place: "next" },
  { programs: "plink|pscp|psftp|putty", option: "-pw", place: "next" },
  { programs: "cmdkey|signtool|schtasks", option: "/(?:pass:|p[ \\t]|rp[ \\t])", place: "attached" },
  { programs: "qpdf|cryptsetup|security|keybase", option: "-w|--user-password", place: "next" },
  { programs: "gh|hub|glab", option: "-b|--body|--value", place: "next", after: "secret" },
  { programs: "codecov|influx|vercel|netlify|wrangler", option: "-t|--auth", place: "next" },
  { programs: "sshpass", option: "-p", place: "either" },
  { programs: "sqlcmd|bcp|unzip|zip|mosquitto_(?:pub|sub)", option: "-P", place: "either" },
  { programs: "redis-cli", option: "-a", place: "next" },
  { programs: "ldap\\w{2,12}", option: "-w", place: "next" },
  { programs: "ssh-keygen", option: "-[NP]", place: "next" },
  { programs: "mongo\\w{0,12}|cqlsh|rabbitmqadmin|influx|rdesktop", option: "-p", place: "next" },
  {
    programs: "docker|podman|buildah|nerdctl|helm|oras|skopeo|crane|az|oc",
    option: "-p",
    place: "next",
    after: "login"
  },
  { programs: "smbclient|rpcclient|smbget|net", option: "-U", place: "either", user: "%" },
  { programs: "lftp", option: "-u", place: "next", user: "," },
  // The user's name is the argument before the password.
  { programs: "htpasswd", option: "-\\w{0,4}b\\w{0,4}(?:[ \\t]+[^\\s-]\\S{0,255})+?", place: "next" }
]

const value = `(?!\\[redacted\\])(?:"[^"\\r\\n]{1,512}"|'[^'\\r\\n]{1,512}'|[^\\s"'|;&<>]{1,512})`

interface Compiled extends Rule {
  readonly program: RegExp
  readonly inText: RegExp
  readonly exact: RegExp
  readonly attached: RegExp
}

const compiled: ReadonlyArray<Compiled> = rules.map((rule) => {
  const { option, place, programs, user } = rule
  const gap = place === "attached" ? "" : place === "next" ? "[ \\t]{1,16}" : "(?:[ \\t]{0,16}|=)"
  const before = user === undefined ? "" : `["']?[^\\s"'${user}=/]{1,128}${user}`
  return {
    ...rule,
    program: new RegExp(`^(?:${programs})$`),
    inText: new RegExp(`([ \\t]["']?(?:${option})["']?${gap}${before})${value}`, "g"),
    exact: new RegExp(`^(?:${option})$`),
    attached: new RegExp(`^((?:${option})=?${before})(?!\\[redacted\\]).`)
  }
})

// Arguments without an option: the pattern of those between the program and the value.
const word = "[^\\s\"'|;&]{1,256}"
const quotedWord = `["']?${word}["']?`
const options = `(?:--?[\\w-]{1,32}(?:=${word})?[ \\t]{1,8}){0,4}`
const set = `(?:set|add|put)`
const positions: ReadonlyArray<readonly [programs: string, before: string]> = [
  ["sqlplus|exp|imp|sqlldr|rman", `${options}[\\w.$-]{1,64}/`],
  ["bw|lpass", "unlock "],
  ["vault", "operator (?:unseal|rekey|generate-root) (?:-nonce=\\S{1,64} )?|login (?:token=)?"],
  ["cargo|wandb|snyk|semgrep|railway|pscale", "(?:login|auth) (?:--relogin )?"],
  ["ngrok", "(?:config )?(?:add-)?authtoken "],
  ["net", `user ${word} |use ${word} \\S{1,256} `],
  ["poetry", `config (?:--local )?(?:http-basic\\.\\S{1,64} ${word} |pypi-token\\.\\S{1,64} )`],
  ["bundle|bundler", `config (?:set )?${options}\\S{1,256} [\\w.@-]{1,128}:`],
  [
    "fly|flyctl|doppler|supabase|railway|wrangler|eas|infisical",
    `secrets? ${set} ${options}["']?[A-Za-z_]\\w{0,127}=`
  ],
  ["kubectl|oc", `create secret generic [^\\r\\n|;&]{0,512}?--from-literal[= ]["']?[\\w.-]{1,128}=`],
  ["pulumi", `config set [^\\r\\n|;&]{0,128}?--secret \\S{1,128} `],
  ["dotnet", `user-secrets set ${quotedWord} `],
  ["mc", `(?:alias set|config host add) ${word} ${word} ${word} `],
  ["rabbitmqctl", `(?:add_user|change_password|authenticate_user) ${word} `],
  ["mysqladmin", `${options}(?:[^\\s-]\\S{0,64} )?password `],
  ["wpa_passphrase", `${quotedWord} `],
  ["rclone", "obscure "],
  ["snmp-server", "community "],
  [
    "aws",
    "(?:secretsmanager|ssm) [^\\r\\n|;&]{0,512}?--secret-string |ssm put-parameter [^\\r\\n|;&]{0,512}?--value "
  ],
  ["nmcli", `[^\\r\\n|;&]{0,256}?(?:password|wifi-sec\\.psk) `]
]
const positional = positions.map(([programs, before]) => ({
  program: new RegExp(`^(?:${programs})$`),
  inText: new RegExp(
    `^([ \\t]{1,8}(?:${before.replaceAll(/ (?![^[]*\])/g, "[ \\t]{1,8}")})["']?)(?![-$<]|\\[redacted\\])([^\\s"'|;&@]{4,1024})`
  ),
  inList: new RegExp(`^(?:${before})$`),
  attached: new RegExp(`^(${before})(?![-$<]|\\[redacted\\]).`)
}))

const withoutPositional = (command: string, name: string): string => {
  let out = command
  for (const { inText, program } of positional) {
    if (program.test(name)) out = out.replace(inText, `$1${mask}`)
  }
  return out
}

// Plain names come before the patterns: the engine sorts neighbours without signs, and then tries few of them.
const allPrograms = [...rules.map(({ programs }) => programs), ...positions.map(([programs]) => programs)]
const plainPrograms = allPrograms.flatMap((programs) => (programs.includes("(") ? [] : programs.split("|")))
const isPlain = (program: string): boolean => /^[\w-]+$/.test(program)
const programsInText = new RegExp(
  `(?<![\\w.-])(?:${[
    ...new Set(plainPrograms.filter(isPlain)),
    ...plainPrograms.filter((program) => !isPlain(program)),
    ...allPrograms.filter((programs) => programs.includes("("))
  ].join("|")})(?=(?:\\.exe)?[ \\t])`,
  "g"
)
// The end of one command.
const end = /[\r\n;|&]/g
const longest = 4096

/** Masks passwords in command lines. */
export const scrub = (text: string): string => {
  if (!programsInText.test(text)) return text
  let out = ""
  let from = 0
  programsInText.lastIndex = 0
  for (let found = programsInText.exec(text); found !== null; found = programsInText.exec(text)) {
    const start = found.index + found[0].length
    end.lastIndex = start
    const stop = Math.min(end.exec(text)?.index ?? text.length, start + longest)
    const command = text.slice(start, stop)
    const name = found[0]
    let changed = withoutPositional(command, name)
    for (const rule of compiled) {
      if (!rule.program.test(name) || (rule.after !== undefined && !command.includes(` ${rule.after} `)))
        continue
      changed = changed.replace(rule.inText, (_, before: string) => before + mask)
    }
    if (changed !== command) {
      out += text.slice(from, start) + changed
      from = stop
    }
    programsInText.lastIndex = Math.max(start, stop)
  }
  programsInText.lastIndex = 0
  return from === 0 ? text : out + text.slice(from)
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

/** Returns the masked argument at `at` of a list of arguments, or `undefined` if no program takes it for a password. */
export const argument = (items: ReadonlyArray<unknown>, at: number): string | undefined => {
  const item = items[at]
  const before = items[at - 1]
  if (typeof item !== "string" || typeof before !== "string" || item === "") return undefined
  for (let index = 0; index < Math.min(at, 4); index++) {
    const program = items[index]
    if (typeof program !== "string") return undefined
    const name = baseName(program)
    const known = positional.filter((each) => each.program.test(name))
    if (known.length > 0 && !item.startsWith("-")) {
      const between = items
        .slice(Math.max(index + 1, at - 16), at)
        .map(String)
        .join(" ")
      const whole = between === "" ? item : `${between} ${item}`
      for (const { attached, inList } of known) {
        if (inList.test(`${between} `)) return mask
        const start = attached.exec(whole)?.[1]
        if (start !== undefined && start.length > between.length) {
          return item.slice(0, start.length - between.length - (between === "" ? 0 : 1)) + mask
        }
      }
    }
    const rule = compiled.find((each) => each.program.test(name))
    if (rule === undefined) continue
    if (rule.after !== undefined && !items.slice(index, at).includes(rule.after)) return undefined
    const attached = rule.place === "next" ? undefined : rule.attached.exec(item)?.[1]
    if (attached !== undefined) return attached + mask
    if (rule.place === "attached") return undefined
    if (name === "htpasswd") {
      const option = items.slice(index + 1, at).some((each) => /^-\w{0,4}b/.test(String(each)))
      return option && at === items.length - 1 ? mask : undefined
    }
    if (!rule.exact.test(before)) return undefined
    if (rule.user === undefined) return mask
    const user = item.indexOf(rule.user)
    return user < 0 || user === item.length - 1 ? undefined : item.slice(0, user + 1) + mask
  }
  return undefined
}

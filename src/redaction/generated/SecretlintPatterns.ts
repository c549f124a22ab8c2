/**
 * Patterns of the rules of secretlint 13.0.7 (MIT, https://github.com/secretlint/secretlint), written by
 * `node scripts/secretPatterns.ts`. Do not edit.
 */
export const patterns: ReadonlyArray<string> = [
  // npm
  "(?<![A-Za-z])npm_[A-Za-z0-9_]{36}(?![A-Za-z0-9_])",
  // slack
  "\\b(?:xoxb|xoxp|xapp|xoxa|xoxo|xoxr)-(?:\\d-)?(?:[a-zA-Z0-9]{1,40}-)+[a-zA-Z0-9]{1,40}\\b",
  // sendgrid
  "(?<![A-Za-z])SG\\.\\w{1,128}\\.\\w{1,128}(?:[-_]?)\\w{1,128}(?!\\w)",
  // shopify
  "(?<![A-Za-z])(?:shppa|shpca|shpat|shpss)_[a-zA-Z0-9]{32,64}(?![a-zA-Z0-9])",
  // stripe
  "(?<![A-Za-z])(?:sk_live|sk_test|rk_live|rk_test)_[a-zA-Z0-9]{24,99}(?![a-zA-Z0-9])",
  // github
  "(?<![A-Za-z])(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9_]{36}(?![A-Za-z0-9_])",
  // github
  "(?<![A-Za-z])(?:github_pat)_[A-Za-z0-9_]{82}(?![A-Za-z0-9_])",
  // github
  "(?<![A-Za-z])(?:ghs)_[0-9]{1,20}_[A-Za-z0-9_-]{1,1000}\\.[A-Za-z0-9_-]{1,10000}\\.[A-Za-z0-9_-]{1,1000}(?![A-Za-z0-9_-])",
  // gitlab
  "(?<![A-Za-z])glpat-[A-Za-z0-9_-]{20,128}(?![A-Za-z0-9_-])",
  // grafana
  "(?<![A-Za-z])glc_[A-Za-z0-9+/]{32,400}={0,2}(?![A-Za-z0-9+/=])",
  // grafana
  "(?<![A-Za-z])glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}(?![A-Fa-f0-9])",
  // openai
  "sk-(?:proj|svcacct|admin)-(?:[A-Za-z0-9_-]{74}|[A-Za-z0-9_-]{58})T3BlbkFJ(?:[A-Za-z0-9_-]{74}|[A-Za-z0-9_-]{58})\\b|sk-[a-zA-Z0-9]{20}T3BlbkFJ[a-zA-Z0-9]{20}",
  // anthropic
  "(?<![A-Za-z])sk-ant-api0\\d-[A-Za-z0-9_-]{90,128}AA(?![A-Za-z0-9_-])",
  // groq
  "(?<![A-Za-z])gsk_[a-zA-Z0-9]{52}(?![a-zA-Z0-9])",
  // huggingface
  "(?<![A-Za-z])hf_[a-zA-Z]{34}(?![a-zA-Z])",
  // linear
  "(?<![A-Za-z])lin_api_[a-zA-Z0-9_]{32,128}(?![a-zA-Z0-9_])",
  // notion
  "(?<![A-Za-z])ntn_[0-9]{11}[A-Za-z0-9]{35}(?![A-Za-z0-9])",
  // 1password
  "(?<![A-Za-z])ops_(?:ey[A-Za-z0-9+/=]{100,1280}fQ={0,2})(?![A-Za-z0-9+/=])",
  // hashicorp-vault
  "(?<![A-Za-z])hvs\\.[A-Za-z0-9_-]{90,120}(?![A-Za-z0-9_-])",
  // hashicorp-vault
  "(?<![A-Za-z])hvb\\.[A-Za-z0-9_-]{138,300}(?![A-Za-z0-9_-])",
  // hashicorp-vault
  "(?<![A-Za-z])hvr\\.[A-Za-z0-9_-]{90,120}(?![A-Za-z0-9_-])",
  // vercel
  "(?<![A-Za-z])(?:vcp|vci|vca|vcr|vck)_[A-Za-z0-9]{20,60}(?![A-Za-z0-9])",
  // databricks
  "(?<![A-Za-z])dapi[A-Fa-f0-9]{32}(?:-[0-9])?(?![A-Fa-f0-9])",
  // docker
  "(?<![A-Za-z])dckr_pat_[a-zA-Z0-9_-]{27}(?![a-zA-Z0-9_-])",
  // figma
  "(?<![A-Za-z])figd_[A-Za-z0-9_-]{40,200}(?![A-Za-z0-9_-])",
  // cloudflare
  "(?<![A-Za-z])(?:cfk|cfut|cfat)_[A-Za-z0-9]{40}[0-9a-f]{8}(?![A-Za-z0-9])",
  // tailscale
  "(?<![A-Za-z])tskey-(?:[a-z]{2,20})-[0-9A-Za-z_]{8,40}-[0-9A-Za-z_]{16,60}(?![0-9A-Za-z_])"
]

/** The starts of all matches. */
export const prefixes: ReadonlyArray<string> = [
  "npm_",
  "(?:xoxb|xoxp|xapp|xoxa|xoxo|xoxr)-",
  "SG\\.",
  "(?:shppa|shpca|shpat|shpss)_",
  "(?:sk_live|sk_test|rk_live|rk_test)_",
  "(?:ghp|gho|ghu|ghs|ghr)_",
  "(?:github_pat)_",
  "(?:ghs)_",
  "glpat-",
  "glc_",
  "glsa_",
  "sk-(?:proj|svcacct|admin)-",
  "sk-ant-api0",
  "gsk_",
  "hf_",
  "lin_api_",
  "ntn_",
  "ops_",
  "hvs\\.",
  "hvb\\.",
  "hvr\\.",
  "(?:vcp|vci|vca|vcr|vck)_",
  "dapi",
  "dckr_pat_",
  "figd_",
  "(?:cfk|cfut|cfat)_",
  "tskey-"
]

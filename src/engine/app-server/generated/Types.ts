// Types of the protocol of Codex 0.169.0, written by `npm run protocol`. Do not edit.
export type AbsolutePathBuf = string
export type Account =
  | { readonly type: "apiKey" }
  | { readonly type: "chatgpt"; readonly email: string | null; readonly planType: PlanType; readonly workspaceName: string | null }
  | { readonly type: "amazonBedrock"; readonly usesCodexManagedCredentials: boolean }
  | { readonly type: "gcp" }
export type AccountLoginCompletedNotification = { readonly loginId: string | null; readonly success: boolean; readonly error: string | null; readonly onboardingEntrypoint: DesktopOnboardingEntrypoint | null }
export type AccountRateLimitsUpdatedNotification = { readonly rateLimits: RateLimitSnapshot }
export type AccountRoutingOverride = "NO_CONSTRAINT" | "us" | "us_cr"
export type AccountSecuritySetupAction = { readonly label: string; readonly url: string }
export type AccountSecuritySetupNotice = { readonly accountId: string; readonly userId: string; readonly title: string; readonly description: string; readonly action: AccountSecuritySetupAction }
export type AccountSession = { readonly sessionId: string; readonly email: string | null; readonly userId: string | null; readonly displayName: string | null; readonly imageUrl: string | null; readonly lastUsedAt: number; readonly isActive: boolean; readonly selectedWorkspaceAccountId: string | null; readonly workspaces: ReadonlyArray<AccountSessionWorkspace> }
export type AccountSessionWorkspace = { readonly accountId: string; readonly name: string | null; readonly imageUrl: string | null; readonly kind: AccountSessionWorkspaceKind | null }
export type AccountSessionWorkspaceKind = "personal" | "workspace"
export type AccountSessionsListParams = { readonly refreshWorkspaceMetadata?: boolean | undefined }
export type AccountSessionsResponse = { readonly activeSessionId: string | null; readonly sessions: ReadonlyArray<AccountSession> }
export type AccountSessionsSwitchParams = { readonly sessionId: string; readonly accountId: string; readonly allowBrowserLogin?: boolean | undefined }
export type AccountSessionsSwitchResponse =
  | { readonly activeSessionId: string | null; readonly sessions: ReadonlyArray<AccountSession> }
  | { readonly loginId: string; readonly authUrl: string }
export type AccountTokenUsageDailyBucket = { readonly startDate: string; readonly tokens: number }
export type AccountTokenUsageSummary = { readonly lifetimeTokens: number | null; readonly peakDailyTokens: number | null; readonly longestRunningTurnSec: number | null; readonly currentStreakDays: number | null; readonly longestStreakDays: number | null }
export type AccountUpdatedNotification = { readonly authMode: AuthMode | null; readonly planType: PlanType | null }
export type ActivePermissionProfile = { readonly id: string; readonly extends: string | null }
export type AddCreditsNudgeCreditType = "credits" | "usage_limit"
export type AddCreditsNudgeEmailStatus = "sent" | "cooldown_active"
export type AdditionalContextEntry = { readonly value: string; readonly kind: AdditionalContextKind; readonly name?: string | null | undefined }
export type AdditionalContextKind = "untrusted" | "application"
export type AdditionalFileSystemPermissions = { readonly read: ReadonlyArray<LegacyAppPathString> | null; readonly write: ReadonlyArray<LegacyAppPathString> | null; readonly globScanMaxDepth?: number | undefined; readonly entries?: ReadonlyArray<FileSystemSandboxEntry> | undefined }
export type AdditionalNetworkPermissions = { readonly enabled: boolean | null }
export type AdditionalPermissionProfile = { readonly network: AdditionalNetworkPermissions | null; readonly fileSystem: AdditionalFileSystemPermissions | null }
export type AgentMessageDelivery = "async"
export type AgentMessageDeltaNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly delta: string }
export type AgentMessageDisplay = { readonly action: string; readonly blockType: string | null; readonly cyberTrustedAccess: boolean | null; readonly checkTrustedContacts: boolean | null }
export type AgentMessageInputContent =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "encrypted_content"; readonly encrypted_content: string }
export type AgentMessageModeration = { readonly moderated: boolean; readonly display: AgentMessageDisplay | null }
export type AgentPath = string
export type AllowDenyRequirement = "allow" | "deny"
export type AnalyticsConfig = { readonly enabled: boolean | null } & { readonly [key in string]?: number | string | boolean | ReadonlyArray<JsonValue> | { readonly [key in string]?: JsonValue } | null }
export type AppBranding = { readonly category: string | null; readonly developer: string | null; readonly website: string | null; readonly privacyPolicy: string | null; readonly termsOfService: string | null; readonly isDiscoverableApp: boolean }
export type AppInfo = { readonly id: string; readonly name: string; readonly description: string | null; readonly logoUrl: string | null; readonly logoUrlDark: string | null; readonly iconAssets: { readonly [key in string]?: string } | null; readonly iconDarkAssets: { readonly [key in string]?: string } | null; readonly distributionChannel: string | null; readonly branding: AppBranding | null; readonly appMetadata: AppMetadata | null; readonly labels: { readonly [key in string]?: string } | null; readonly installUrl: string | null; readonly isAccessible: boolean; readonly isEnabled: boolean; readonly pluginDisplayNames: ReadonlyArray<string> }
export type AppLinksConfig = { readonly [key in string]?: { readonly approvals_reviewer: ApprovalsReviewer | null; readonly default_tools_approval_mode: AppToolApproval | null } }
export type AppListUpdatedNotification = { readonly data: ReadonlyArray<AppInfo> }
export type AppMetadata = { readonly review: AppReview | null; readonly categories: ReadonlyArray<string> | null; readonly subCategories: ReadonlyArray<string> | null; readonly seoDescription: string | null; readonly screenshots: ReadonlyArray<AppScreenshot> | null; readonly developer: string | null; readonly version: string | null; readonly versionId: string | null; readonly versionNotes: string | null; readonly firstPartyRequiresInstall: boolean | null; readonly showInComposerWhenUnlinked: boolean | null }
export type AppReview = { readonly status: string }
export type AppScreenshot = { readonly url: string | null; readonly fileId: string | null; readonly userPrompt: string }
export type AppSummary = { readonly id: string; readonly name: string; readonly description: string | null; readonly installUrl: string | null; readonly category: string | null }
export type AppTemplateSummary = { readonly templateId: string; readonly name: string; readonly description: string | null; readonly category: string | null; readonly canonicalConnectorId: string | null; readonly logoUrl: string | null; readonly logoUrlDark: string | null; readonly materializedAppIds: ReadonlyArray<string>; readonly reason: AppTemplateUnavailableReason | null }
export type AppTemplateUnavailableReason = "NOT_CONFIGURED_FOR_WORKSPACE" | "NO_ACTIVE_WORKSPACE"
export type AppToolApproval = "auto" | "prompt" | "writes" | "approve"
export type AppToolSummary = { readonly name: string; readonly title: string | null; readonly description: string; readonly isEnabled: boolean; readonly disabledReason: string | null; readonly isReadOnly: boolean }
export type AppToolsConfig = { readonly [key in string]?: { readonly enabled: boolean | null; readonly approval_mode: AppToolApproval | null } }
export type ApplicationNetworkRequirements = { readonly enabled: boolean; readonly domains: { readonly [key in string]?: NetworkDomainPermission } }
export type ApplicationRequirements = { readonly network: ApplicationNetworkRequirements | null; readonly storage: ApplicationStorageRequirements | null }
export type ApplicationStorageRequirements = { readonly defaultProjectParent: LegacyAppPathString | null; readonly projectlessWorkspaceRoot: LegacyAppPathString | null }
export type ApplyPatchApprovalParams = { readonly conversationId: ThreadId; readonly callId: string; readonly fileChanges: { readonly [key in string]?: FileChange }; readonly reason: string | null; readonly grantRoot: string | null }
export type ApplyPatchApprovalResponse = { readonly decision: ReviewDecision }
export type ApprovalsReviewer = "user" | "auto_review" | "guardian_subagent"
export type AppsConfig = { readonly _default: AppsDefaultConfig | null } & { readonly [key in string]?: { readonly enabled: boolean; readonly omit_tools_from: ReadonlyArray<ToolExposureSurface> | null; readonly approvals_reviewer: ApprovalsReviewer | null; readonly destructive_enabled: boolean | null; readonly open_world_enabled: boolean | null; readonly default_tools_approval_mode: AppToolApproval | null; readonly default_tools_enabled: boolean | null; readonly tools: AppToolsConfig | null; readonly links: AppLinksConfig | null } }
export type AppsDefaultConfig = { readonly enabled: boolean; readonly approvals_reviewer: ApprovalsReviewer | null; readonly destructive_enabled: boolean; readonly open_world_enabled: boolean; readonly default_tools_approval_mode: AppToolApproval | null }
export type AppsInstalledParams = { readonly threadId?: string | null | undefined; readonly forceRefresh?: boolean | undefined }
export type AppsInstalledResponse = { readonly apps: ReadonlyArray<InstalledApp> }
export type AppsListParams = { readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly threadId?: string | null | undefined; readonly forceRefetch?: boolean | undefined }
export type AppsListResponse = { readonly data: ReadonlyArray<AppInfo>; readonly nextCursor: string | null }
export type AppsReadParams = { readonly appIds: ReadonlyArray<string>; readonly threadId?: string | null | undefined; readonly includeTools?: boolean | undefined }
export type AppsReadResponse = { readonly apps: ReadonlyArray<ConnectorMetadata>; readonly missingAppIds: ReadonlyArray<string> }
export type AskForApproval =
  | "untrusted"
  | "on-request"
  | { readonly granular: { readonly sandbox_approval: boolean; readonly rules: boolean; readonly skill_approval: boolean; readonly request_permissions: boolean; readonly mcp_elicitations: boolean } }
  | "never"
export type AsyncUserInputQuestion = { readonly title: string; readonly options: ReadonlyArray<string> | null }
export type AttestationGenerateParams = Record<string, never>
export type AttestationGenerateResponse = { readonly token: string }
export type AuthMode =
  | "apikey"
  | "chatgpt"
  | "chatgptAuthTokens"
  | "headers"
  | "agentIdentity"
  | "personalAccessToken"
  | "bedrockApiKey"
  | "bedrockAccessKeys"
export type AuthRecoveryNotification = { readonly threadId: string; readonly turnId: string; readonly provider: string; readonly message: string }
export type AutoCompactTokenLimitScope = "total" | "body_after_prefix"
export type AutoReviewDecisionSource = "agent"
export type AutoReviewRequirements = { readonly requiredOnModels: ReadonlyArray<string> | null; readonly ignoreRules: ReadonlyArray<string> | null }
export type AwsCredentialType = "accessKeys" | "bedrockApiKey"
export type BedrockAwsProfile = { readonly name: string; readonly region: string | null }
export type BedrockCheckGovCloudRequirementsParams = Record<string, never>
export type BedrockCheckGovCloudRequirementsResponse = { readonly isGovCloud: boolean; readonly shouldWarn: boolean }
export type BedrockDiscoverParams = Record<string, never>
export type BedrockDiscoverResponse = { readonly profiles: ReadonlyArray<BedrockAwsProfile>; readonly environmentCredentials: ReadonlyArray<BedrockEnvironmentCredential> }
export type BedrockEnvironmentCredential = { readonly type: AwsCredentialType; readonly region: string | null }
export type BedrockProviderId = "amazon-bedrock" | "amazon-bedrock-runtime"
export type BedrockSettingsParams = { readonly providerId: BedrockProviderId; readonly profile?: string | null | undefined; readonly region?: string | null | undefined }
export type BedrockSetupParams =
  | { readonly type: "profile"; readonly profile: string; readonly region: string }
  | { readonly type: "environment"; readonly region: string }
export type BedrockSetupResponse = Record<string, never>
export type BrowserUseAccessApprovalLifetime = "turn" | "thread"
export type BrowserUseConfig = { readonly allow_history_access: boolean | null; readonly default_origin_policy: BrowserUseOriginPolicyConfig | null; readonly origins: { readonly [key in string]?: BrowserUseOriginPolicyConfig } | null }
export type BrowserUseExtensionRequirements = { readonly requestHeaders: ReadonlyArray<RequestHeader> | null }
export type BrowserUseOriginPolicy = { readonly access: AllowDenyRequirement | null; readonly downloads: AllowDenyRequirement | null; readonly uploads: AllowDenyRequirement | null; readonly fullCdpAccess: AllowDenyRequirement | null; readonly autoReview: AllowDenyRequirement | null; readonly persistentApproval: boolean | null; readonly accessApprovalLifetime: BrowserUseAccessApprovalLifetime | null }
export type BrowserUseOriginPolicyConfig = { readonly access: AllowDenyRequirement | null; readonly downloads: AllowDenyRequirement | null; readonly uploads: AllowDenyRequirement | null; readonly full_cdp_access: AllowDenyRequirement | null }
export type BrowserUseRequirements = { readonly extension: BrowserUseExtensionRequirements | null; readonly allowWebmcp: boolean | null; readonly allowHistoryAccess: boolean | null; readonly disableAutoReview: boolean | null; readonly allowGlobalPersistentApproval: boolean | null; readonly defaultOriginPolicy: BrowserUseOriginPolicy | null; readonly origins: { readonly [key in string]?: BrowserUseOriginPolicy } | null }
export type ByteRange = { readonly start: number; readonly end: number }
export type CancelLoginAccountParams = { readonly loginId: string }
export type CancelLoginAccountResponse = { readonly status: CancelLoginAccountStatus }
export type CancelLoginAccountStatus = "canceled" | "notFound"
export type CapabilityRootLocation = { readonly type: "environment"; readonly environmentId: string; readonly path: string }
export type ChatgptAuthTokensRefreshParams = { readonly reason: ChatgptAuthTokensRefreshReason; readonly previousAccountId?: string | null | undefined }
export type ChatgptAuthTokensRefreshReason = "unauthorized"
export type ChatgptAuthTokensRefreshResponse = { readonly accessToken: string; readonly chatgptAccountId: string; readonly chatgptPlanType: string | null }
export type CliAuthCredentialsStoreMode = "file" | "keyring" | "auto" | "ephemeral"
export type ClientInfo = { readonly name: string; readonly title: string | null; readonly version: string }
export type CodexErrorInfo =
  | "contextWindowExceeded"
  | "sessionBudgetExceeded"
  | "usageLimitExceeded"
  | "rateLimitExceeded"
  | "flexUnavailable"
  | "serverOverloaded"
  | "modelNotFound"
  | "policyCapacityUnavailable"
  | "inferenceHookDenied"
  | "cyberPolicy"
  | "misalignmentPolicyViolation"
  | "tooManyDenials"
  | { readonly httpConnectionFailed: { readonly httpStatusCode: number | null } }
  | { readonly responseStreamConnectionFailed: { readonly httpStatusCode: number | null } }
  | "internalServerError"
  | "unauthorized"
  | "badRequest"
  | "threadRollbackFailed"
  | "sandboxError"
  | { readonly responseStreamDisconnected: { readonly httpStatusCode: number | null } }
  | { readonly responseTooManyFailedAttempts: { readonly httpStatusCode: number | null } }
  | { readonly activeTurnNotSteerable: { readonly turnKind: NonSteerableTurnKind } }
  | "other"
  | string
  | { readonly [key in string]?: unknown }
export type CodexResponseHandoffMode = "thinking" | "commentary" | "bemTags"
export type CollabAgentState = { readonly status: CollabAgentStatus; readonly message: string | null }
export type CollabAgentStatus = "pendingInit" | "running" | "interrupted" | "completed" | "errored" | "shutdown" | "notFound"
export type CollabAgentTool =
  | "spawnAgent"
  | "sendInput"
  | "resumeAgent"
  | "wait"
  | "closeAgent"
  | "sendMessage"
  | "followupTask"
  | "interruptAgent"
  | "listAgents"
export type CollabAgentToolCallStatus = "inProgress" | "completed" | "failed" | "interrupted"
export type CollaborationMode = { readonly mode: ModeKind; readonly settings: Settings }
export type CollaborationModeListParams = Record<string, never>
export type CollaborationModeListResponse = { readonly data: ReadonlyArray<CollaborationModeMask> }
export type CollaborationModeMask = { readonly name: string; readonly mode: ModeKind | null; readonly model: string | null; readonly reasoning_effort: ReasoningEffort | null }
export type CommandAction =
  | { readonly type: "read"; readonly command: string; readonly name: string; readonly path: LegacyAppPathString }
  | { readonly type: "listFiles"; readonly command: string; readonly path: string | null }
  | { readonly type: "search"; readonly command: string; readonly query: string | null; readonly path: string | null }
  | { readonly type: "unknown"; readonly command: string }
export type CommandExecOutputDeltaNotification = { readonly processId: string; readonly stream: CommandExecOutputStream; readonly deltaBase64: string; readonly capReached: boolean }
export type CommandExecOutputStream = "stdout" | "stderr"
export type CommandExecParams = { readonly command: ReadonlyArray<string>; readonly processId?: string | null | undefined; readonly tty?: boolean | undefined; readonly streamStdin?: boolean | undefined; readonly streamStdoutStderr?: boolean | undefined; readonly outputBytesCap?: number | null | undefined; readonly disableOutputCap?: boolean | undefined; readonly disableTimeout?: boolean | undefined; readonly timeoutMs?: number | null | undefined; readonly cwd?: string | null | undefined; readonly env?: { readonly [key in string]?: string | null } | null | undefined; readonly size?: CommandExecTerminalSize | null | undefined; readonly sandboxPolicy?: SandboxPolicy | null | undefined; readonly permissionProfile?: string | null | undefined }
export type CommandExecResizeParams = { readonly processId: string; readonly size: CommandExecTerminalSize }
export type CommandExecResizeResponse = Record<string, never>
export type CommandExecResponse = { readonly exitCode: number; readonly stdout: string; readonly stderr: string }
export type CommandExecTerminalSize = { readonly rows: number; readonly cols: number }
export type CommandExecTerminateParams = { readonly processId: string }
export type CommandExecTerminateResponse = Record<string, never>
export type CommandExecWriteParams = { readonly processId: string; readonly deltaBase64?: string | null | undefined; readonly closeStdin?: boolean | undefined }
export type CommandExecWriteResponse = Record<string, never>
export type CommandExecutionApprovalDecision =
  | "accept"
  | "acceptForSession"
  | { readonly acceptWithExecpolicyAmendment: { readonly execpolicy_amendment: ExecPolicyAmendment } }
  | { readonly applyNetworkPolicyAmendment: { readonly network_policy_amendment: NetworkPolicyAmendment } }
  | "decline"
  | "cancel"
export type CommandExecutionApprovalKind = "command" | "humanCommand" | "writeStdin"
export type CommandExecutionOutputDeltaNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly delta: string }
export type CommandExecutionRequestApprovalParams = { readonly kind: CommandExecutionApprovalKind; readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly startedAtMs: number; readonly approvalId?: string | null | undefined; readonly environmentId: string | null; readonly reason?: string | null | undefined; readonly networkApprovalContext?: NetworkApprovalContext | null | undefined; readonly command?: string | null | undefined; readonly cwd?: LegacyAppPathString | null | undefined; readonly commandActions?: ReadonlyArray<CommandAction> | null | undefined; readonly additionalPermissions?: AdditionalPermissionProfile | null | undefined; readonly proposedExecpolicyAmendment?: ExecPolicyAmendment | null | undefined; readonly proposedNetworkPolicyAmendments?: ReadonlyArray<NetworkPolicyAmendment> | null | undefined; readonly availableDecisions?: ReadonlyArray<CommandExecutionApprovalDecision> | null | undefined }
export type CommandExecutionRequestApprovalResponse = { readonly decision: CommandExecutionApprovalDecision }
export type CommandExecutionSource = "agent" | "userShell" | "unifiedExecStartup" | "unifiedExecInteraction"
export type CommandExecutionStatus = "inProgress" | "completed" | "failed" | "declined"
export type CommandMigration = { readonly name: string }
export type ComputerUseConfig = { readonly default_app_access: AllowDenyRequirement | null; readonly macos: ComputerUseMacosConfig | null; readonly windows: ComputerUseWindowsConfig | null }
export type ComputerUseMacosConfig = { readonly bundle_ids: { readonly [key in string]?: AllowDenyRequirement } | null }
export type ComputerUseMacosRequirements = { readonly bundleIds: { readonly [key in string]?: AllowDenyRequirement } | null }
export type ComputerUseRequirements = { readonly allowLockedComputerUse: boolean | null; readonly allowPersistentApproval: boolean | null; readonly defaultAppAccess: AllowDenyRequirement | null; readonly macos: ComputerUseMacosRequirements | null; readonly windows: ComputerUseWindowsRequirements | null }
export type ComputerUseWindowsConfig = { readonly aumids: { readonly [key in string]?: AllowDenyRequirement } | null; readonly exes: ReadonlyArray<ComputerUseWindowsExeConfig> | null }
export type ComputerUseWindowsExeConfig = { readonly publisher_name: string; readonly product_name: string; readonly binary_name: string | null; readonly access: AllowDenyRequirement }
export type ComputerUseWindowsExeRequirement = { readonly publisherName: string; readonly productName: string; readonly binaryName: string | null; readonly access: AllowDenyRequirement }
export type ComputerUseWindowsRequirements = { readonly aumids: { readonly [key in string]?: AllowDenyRequirement } | null; readonly exes: ReadonlyArray<ComputerUseWindowsExeRequirement> | null }
export type Config = { readonly model: string | null; readonly review_model: string | null; readonly model_context_window: number | null; readonly model_auto_compact_token_limit: number | null; readonly model_auto_compact_token_limit_scope: AutoCompactTokenLimitScope | null; readonly model_provider: string | null; readonly approval_policy: AskForApproval | null; readonly approvals_reviewer: ApprovalsReviewer | null; readonly sandbox_mode: SandboxMode | null; readonly sandbox_workspace_write: SandboxWorkspaceWrite | null; readonly forced_chatgpt_workspace_id: ForcedChatgptWorkspaceIds | null; readonly forced_login_method: ForcedLoginMethod | null; readonly web_search: WebSearchMode | null; readonly client_search_provider: WebSearchProvider | null; readonly tools: ToolsV2 | null; readonly instructions: string | null; readonly developer_instructions: string | null; readonly compact_prompt: string | null; readonly model_reasoning_effort: ReasoningEffort | null; readonly model_reasoning_summary: ReasoningSummary | null; readonly model_verbosity: Verbosity | null; readonly service_tier: string | null; readonly analytics: AnalyticsConfig | null; readonly apps: AppsConfig | null; readonly browser_use: BrowserUseConfig | null; readonly computer_use: ComputerUseConfig | null; readonly desktop: { readonly [key in string]?: JsonValue } | null } & { readonly [key in string]?: number | string | boolean | ReadonlyArray<JsonValue> | { readonly [key in string]?: JsonValue } | null }
export type ConfigBatchWriteParams = { readonly edits: ReadonlyArray<ConfigEdit>; readonly filePath?: string | null | undefined; readonly expectedVersion?: string | null | undefined; readonly reloadUserConfig?: boolean | undefined }
export type ConfigEdit = { readonly keyPath: string; readonly value: JsonValue; readonly mergeStrategy: MergeStrategy }
export type ConfigLayer = { readonly name: ConfigLayerSource; readonly version: string; readonly config: JsonValue; readonly disabledReason: string | null }
export type ConfigLayerMetadata = { readonly name: ConfigLayerSource; readonly version: string }
export type ConfigLayerSource =
  | { readonly type: "packagedDefaults"; readonly file: AbsolutePathBuf }
  | { readonly type: "mdm"; readonly domain: string; readonly key: string }
  | { readonly type: "system"; readonly file: AbsolutePathBuf }
  | { readonly type: "enterpriseManaged"; readonly id: string; readonly name: string }
  | { readonly type: "user"; readonly file: AbsolutePathBuf; readonly profile: string | null }
  | { readonly type: "project"; readonly dotCodexFolder: AbsolutePathBuf }
  | { readonly type: "sessionFlags" }
  | { readonly type: "legacyManagedConfigTomlFromFile"; readonly file: AbsolutePathBuf }
  | { readonly type: "legacyManagedConfigTomlFromMdm" }
export type ConfigReadParams = { readonly includeLayers?: boolean | undefined; readonly cwd?: string | null | undefined }
export type ConfigReadResponse = { readonly config: Config; readonly origins: { readonly [key in string]?: ConfigLayerMetadata }; readonly layers: ReadonlyArray<ConfigLayer> | null }
export type ConfigRequirements = { readonly modelProvider: string | null; readonly modelProviders: { readonly [key in string]?: JsonValue } | null; readonly allowedLoginMethods: ReadonlyArray<ForcedLoginMethod> | null; readonly cliAuthCredentialsStore: CliAuthCredentialsStoreMode | null; readonly chatgptBaseUrl: string | null; readonly additionalDeveloperInstructions: string | null; readonly allowedApprovalPolicies: ReadonlyArray<AskForApproval> | null; readonly allowedApprovalsReviewers: ReadonlyArray<ApprovalsReviewer> | null; readonly allowedSandboxModes: ReadonlyArray<SandboxMode> | null; readonly allowedWindowsSandboxImplementations: ReadonlyArray<WindowsSandboxImplementation> | null; readonly allowedPermissionProfiles: { readonly [key in string]?: boolean } | null; readonly defaultPermissions: string | null; readonly allowedWebSearchModes: ReadonlyArray<WebSearchMode> | null; readonly allowManagedHooksOnly: boolean | null; readonly allowBrowserAndComputerUse: boolean | null; readonly allowAppshots: boolean | null; readonly allowRemoteControl: boolean | null; readonly computerUse: ComputerUseRequirements | null; readonly browserUse: BrowserUseRequirements | null; readonly inAppBrowser: InAppBrowserRequirements | null; readonly featureRequirements: { readonly [key in string]?: boolean } | null; readonly hooks: ManagedHooksRequirements | null; readonly enforceResidency: ResidencyRequirement | null; readonly network: NetworkRequirements | null; readonly application: ApplicationRequirements | null; readonly autoReview: AutoReviewRequirements | null; readonly models: ModelsRequirements | null; readonly sqliteHome: PathUri | null; readonly logDir: PathUri | null; readonly modelCatalogJson: PathUri | null; readonly checkForUpdateOnStartup: boolean | null; readonly allowLoginShell: boolean | null; readonly feedback: FeedbackRequirements | null; readonly otel: OtelRequirements | null }
export type ConfigRequirementsReadResponse = { readonly supportsIndependentSpeedModes: boolean | null; readonly requirements: ConfigRequirements | null }
export type ConfigValueWriteParams = { readonly keyPath: string; readonly value: JsonValue; readonly mergeStrategy: MergeStrategy; readonly filePath?: string | null | undefined; readonly expectedVersion?: string | null | undefined }
export type ConfigWarningNotification = { readonly summary: string; readonly details: string | null; readonly path?: string | undefined; readonly range?: TextRange | undefined }
export type ConfigWriteResponse = { readonly status: WriteStatus; readonly version: string; readonly filePath: AbsolutePathBuf; readonly overriddenMetadata: OverriddenMetadata | null }
export type ConfigurationReasoning = { readonly effort: ReasoningEffort }
export type ConfiguredHookHandler =
  | { readonly type: "command"; readonly command: string; readonly commandWindows: string | null; readonly timeoutSec: number | null; readonly async: boolean; readonly statusMessage: string | null; readonly additionalContextLimit: number | null }
  | { readonly type: "mcp_tool"; readonly server: string; readonly tool: string; readonly input: { readonly [key in string]?: JsonValue }; readonly timeoutSec: number | null; readonly statusMessage: string | null }
  | { readonly type: "prompt" }
  | { readonly type: "agent" }
export type ConfiguredHookMatcherGroup = { readonly matcher: string | null; readonly hooks: ReadonlyArray<ConfiguredHookHandler> }
export type ConnectorMetadata = { readonly id: string; readonly name: string; readonly description: string | null; readonly iconUrl: string | null; readonly iconUrlDark: string | null; readonly distributionChannel: string | null; readonly installUrl: string | null; readonly pluginDisplayNames: ReadonlyArray<string>; readonly toolSummaries: ReadonlyArray<AppToolSummary> | null }
export type ConsumeAccountRateLimitResetCreditOutcome = "reset" | "nothingToReset" | "noCredit" | "alreadyRedeemed"
export type ConsumeAccountRateLimitResetCreditParams = { readonly idempotencyKey: string; readonly creditId?: string | null | undefined }
export type ConsumeAccountRateLimitResetCreditResponse = { readonly outcome: ConsumeAccountRateLimitResetCreditOutcome }
export type ContentItem =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "input_image"; readonly detail?: ImageDetail | undefined } & ({ readonly image_url: string } | { readonly file_id: string })
  | { readonly type: "input_audio" } & ({ readonly audio_url: string } | { readonly file_id: string })
  | { readonly type: "output_text"; readonly text: string; readonly annotations?: ReadonlyArray<unknown> | undefined; readonly logprobs?: ReadonlyArray<unknown> | undefined }
export type ContextCompactedNotification = { readonly threadId: string; readonly turnId: string }
export type ConversationGitInfo = { readonly sha: string | null; readonly branch: string | null; readonly origin_url: string | null }
export type ConversationSummary = { readonly conversationId: ThreadId; readonly path: string; readonly preview: string; readonly timestamp: string | null; readonly updatedAt: string | null; readonly modelProvider: string; readonly cwd: string; readonly cliVersion: string; readonly source: CoreSessionSource; readonly gitInfo: ConversationGitInfo | null }
export type ConversationTextRole = "user" | "developer" | "assistant"
export type CoreExecPolicyAmendment = ReadonlyArray<string>
export type CoreNetworkPolicyAmendment = { readonly host: string; readonly action: CoreNetworkPolicyRuleAction }
export type CoreNetworkPolicyRuleAction = "allow" | "deny"
export type CoreSessionSource =
  | "cli"
  | "vscode"
  | "exec"
  | "mcp"
  | { readonly custom: string }
  | { readonly internal: InternalSessionSource }
  | { readonly subagent: SubAgentSource }
  | "unknown"
export type CoreWebSearchAction =
  | { readonly type: "search"; readonly query?: string | undefined; readonly queries?: ReadonlyArray<string> | undefined }
  | { readonly type: "open_page"; readonly url?: string | undefined }
  | { readonly type: "find_in_page"; readonly url?: string | undefined; readonly pattern?: string | undefined }
  | { readonly type: "other" }
export type CreditsSnapshot = { readonly hasCredits: boolean; readonly unlimited: boolean; readonly balance: string | null }
export type CurrentTimeReadParams = { readonly threadId: string }
export type CurrentTimeReadResponse = { readonly currentTimeAt: number }
export type CustomGatewaySettingsParams = { readonly providerId?: string | null | undefined; readonly name?: string | undefined; readonly baseUrl?: string | null | undefined; readonly envKey?: string | null | undefined }
export type CyberAccessProgram = "standard" | "daybreakBlue" | "daybreakRed"
export type DeprecationNoticeNotification = { readonly summary: string; readonly details: string | null }
export type DesktopOnboardingEntrypoint = "life_sciences"
export type DynamicToolCallOutputContentItem =
  | { readonly type: "inputText"; readonly text: string }
  | { readonly type: "inputImage"; readonly imageUrl: string }
  | { readonly type: "inputAudio"; readonly audioUrl: string }
export type DynamicToolCallParams = { readonly threadId: string; readonly turnId: string; readonly callId: string; readonly namespace: string | null; readonly tool: string; readonly arguments: JsonValue }
export type DynamicToolCallResponse = { readonly contentItems: ReadonlyArray<DynamicToolCallOutputContentItem>; readonly success: boolean }
export type DynamicToolCallStatus = "inProgress" | "completed" | "failed"
export type DynamicToolFunctionSpec = { readonly name: string; readonly description: string; readonly inputSchema: JsonValue; readonly deferLoading?: boolean | undefined }
export type DynamicToolNamespaceSpec = { readonly name: string; readonly description: string; readonly tools: ReadonlyArray<DynamicToolNamespaceTool> }
export type DynamicToolNamespaceTool = { readonly type: "function" } & DynamicToolFunctionSpec
export type DynamicToolSpec =
  | { readonly type: "function" } & DynamicToolFunctionSpec
  | { readonly type: "namespace" } & DynamicToolNamespaceSpec
export type EnvironmentAddParams = { readonly environmentId: string; readonly execServerUrl: string; readonly authBearerToken?: string | null | undefined; readonly websocketRequestId?: string | null | undefined; readonly connectTimeoutMs?: number | null | undefined; readonly skills?: EnvironmentSkillsParams | null | undefined }
export type EnvironmentAddResponse = Record<string, never>
export type EnvironmentConnectionNotification = { readonly threadId: string; readonly environmentId: string }
export type EnvironmentInfoParams = { readonly environmentId: string }
export type EnvironmentInfoResponse = { readonly shell: EnvironmentShellInfo; readonly cwd: PathUri | null }
export type EnvironmentShellInfo = { readonly name: string; readonly path: string }
export type EnvironmentSkillsParams = { readonly required?: ReadonlyArray<string> | null | undefined }
export type EnvironmentStatusKind = "ready" | "pending" | "disconnected" | "unknown"
export type EnvironmentStatusParams = { readonly environmentId: string }
export type EnvironmentStatusResponse = { readonly status: EnvironmentStatusKind; readonly error?: string | undefined }
export type ErrorNotification = { readonly error: TurnError; readonly willRetry: boolean; readonly threadId: string; readonly turnId: string }
export type ExecCommandApprovalParams = { readonly conversationId: ThreadId; readonly callId: string; readonly approvalId: string | null; readonly command: ReadonlyArray<string>; readonly cwd: string; readonly reason: string | null; readonly parsedCmd: ReadonlyArray<ParsedCommand> }
export type ExecCommandApprovalResponse = { readonly decision: ReviewDecision }
export type ExecPolicyAmendment = ReadonlyArray<string>
export type ExperimentalFeature = { readonly name: string; readonly stage: ExperimentalFeatureStage; readonly displayName: string | null; readonly description: string | null; readonly announcement: string | null; readonly enabled: boolean; readonly defaultEnabled: boolean }
export type ExperimentalFeatureEnablementSetParams = { readonly enablement: { readonly [key in string]?: boolean } }
export type ExperimentalFeatureEnablementSetResponse = { readonly enablement: { readonly [key in string]?: boolean } }
export type ExperimentalFeatureListParams = { readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly threadId?: string | null | undefined }
export type ExperimentalFeatureListResponse = { readonly data: ReadonlyArray<ExperimentalFeature>; readonly nextCursor: string | null }
export type ExperimentalFeatureStage = "beta" | "underDevelopment" | "stable" | "deprecated" | "removed"
export type ExternalAgentConfigDetectParams = { readonly includeHome?: boolean | undefined; readonly cwds?: ReadonlyArray<string> | null | undefined; readonly maxSessionAgeDays?: number | null | undefined; readonly maxSessions?: number | null | undefined; readonly source?: string | null | undefined; readonly migrationSource?: string | null | undefined }
export type ExternalAgentConfigDetectResponse = { readonly items: ReadonlyArray<ExternalAgentConfigMigrationItem>; readonly connectors: ReadonlyArray<ExternalAgentDetectedConnectorCandidate> }
export type ExternalAgentConfigImportCompletedNotification = { readonly importId: string; readonly itemTypeResults: ReadonlyArray<ExternalAgentConfigImportTypeResult> }
export type ExternalAgentConfigImportHistoriesReadResponse = { readonly data: ReadonlyArray<ExternalAgentConfigImportHistory>; readonly connectors: ReadonlyArray<ExternalAgentImportedConnectorCandidate> }
export type ExternalAgentConfigImportHistory = { readonly importId: string; readonly providerId: string | null; readonly completedAtMs: number; readonly successes: ReadonlyArray<ExternalAgentConfigImportItemTypeSuccess>; readonly failures: ReadonlyArray<ExternalAgentConfigImportItemTypeFailure> }
export type ExternalAgentConfigImportHistoryRecordParams = { readonly providerId: string; readonly itemTypeResults: ReadonlyArray<ExternalAgentConfigImportHistoryRecordTypeResultParams> }
export type ExternalAgentConfigImportHistoryRecordResponse = { readonly importId: string }
export type ExternalAgentConfigImportHistoryRecordSuccessParams = { readonly itemType: ExternalAgentConfigMigrationItemType; readonly cwd: string | null; readonly source: string | null; readonly target: string | null; readonly title?: string | null | undefined }
export type ExternalAgentConfigImportHistoryRecordTypeResultParams = { readonly itemType: ExternalAgentConfigMigrationItemType; readonly successes: ReadonlyArray<ExternalAgentConfigImportHistoryRecordSuccessParams>; readonly failures: ReadonlyArray<ExternalAgentConfigImportItemTypeFailure> }
export type ExternalAgentConfigImportItemTypeFailure = { readonly itemType: ExternalAgentConfigMigrationItemType; readonly errorType: string | null; readonly subErrorType: string | null; readonly failureStage: string; readonly message: string; readonly cwd: string | null; readonly source: string | null }
export type ExternalAgentConfigImportItemTypeSuccess = { readonly itemType: ExternalAgentConfigMigrationItemType; readonly cwd: string | null; readonly source: string | null; readonly target: string | null; readonly title: string | null }
export type ExternalAgentConfigImportParams = { readonly migrationItems: ReadonlyArray<ExternalAgentConfigMigrationItem>; readonly source?: string | null | undefined; readonly providerId?: string | null | undefined; readonly migrationSource?: string | null | undefined }
export type ExternalAgentConfigImportProgressNotification = { readonly importId: string; readonly itemTypeResults: ReadonlyArray<ExternalAgentConfigImportTypeResult> }
export type ExternalAgentConfigImportResponse = { readonly importId: string }
export type ExternalAgentConfigImportTypeResult = { readonly itemType: ExternalAgentConfigMigrationItemType; readonly successes: ReadonlyArray<ExternalAgentConfigImportItemTypeSuccess>; readonly failures: ReadonlyArray<ExternalAgentConfigImportItemTypeFailure> }
export type ExternalAgentConfigMigrationItem = { readonly itemType: ExternalAgentConfigMigrationItemType; readonly description: string; readonly cwd: string | null; readonly details: MigrationDetails | null }
export type ExternalAgentConfigMigrationItemType =
  | "AGENTS_MD"
  | "CONFIG"
  | "SKILLS"
  | "PLUGINS"
  | "MCP_SERVER_CONFIG"
  | "SUBAGENTS"
  | "HOOKS"
  | "COMMANDS"
  | "MEMORY"
  | "SESSIONS"
export type ExternalAgentDetectedConnectorCandidate = { readonly name: string; readonly sessionCount: number; readonly source: ExternalAgentDetectedConnectorSource }
export type ExternalAgentDetectedConnectorSource = "remoteMcpServersConfig" | "sessionToolUse"
export type ExternalAgentImportedConnectorCandidate = { readonly name: string; readonly sessionCount: number; readonly source: ExternalAgentImportedConnectorSource }
export type ExternalAgentImportedConnectorSource = "remoteMcpServersConfig"
export type FeedbackRequirements = { readonly enabled: boolean | null }
export type FeedbackSaveParams = { readonly savePath: LegacyAppPathString; readonly classification: string; readonly reason?: string | null | undefined; readonly threadId?: string | null | undefined; readonly includeLogs?: boolean | undefined; readonly extraLogFiles?: ReadonlyArray<string> | null | undefined; readonly tags?: { readonly [key in string]?: string } | null | undefined }
export type FeedbackSaveResponse = { readonly savedPath: LegacyAppPathString; readonly threadId: string; readonly promptHash: string | null }
export type FeedbackUploadParams = { readonly classification: string; readonly reason?: string | null | undefined; readonly threadId?: string | null | undefined; readonly includeLogs?: boolean | undefined; readonly extraLogFiles?: ReadonlyArray<string> | null | undefined; readonly tags?: { readonly [key in string]?: string } | null | undefined }
export type FeedbackUploadResponse = { readonly threadId: string; readonly promptHash: string | null }
export type FileChange =
  | { readonly type: "add"; readonly content: string }
  | { readonly type: "delete"; readonly content: string }
  | { readonly type: "update"; readonly unified_diff: string; readonly move_path: string | null }
export type FileChangeApprovalDecision = "accept" | "acceptForSession" | "decline" | "cancel"
export type FileChangeOutputDeltaNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly delta: string }
export type FileChangePatchUpdatedNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly changes: ReadonlyArray<FileUpdateChange> }
export type FileChangeRequestApprovalParams = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly startedAtMs: number; readonly reason?: string | null | undefined; readonly grantRoot?: string | null | undefined }
export type FileChangeRequestApprovalResponse = { readonly decision: FileChangeApprovalDecision }
export type FileSystemAccessMode = "read" | "write" | "deny"
export type FileSystemPath =
  | { readonly type: "path"; readonly path: LegacyAppPathString }
  | { readonly type: "glob_pattern"; readonly pattern: string }
  | { readonly type: "special"; readonly value: FileSystemSpecialPath }
export type FileSystemSandboxEntry = { readonly path: FileSystemPath; readonly access: FileSystemAccessMode }
export type FileSystemSpecialPath =
  | { readonly kind: "root" }
  | { readonly kind: "minimal" }
  | { readonly kind: "project_roots"; readonly subpath: LegacyAppPathString | null }
  | { readonly kind: "tmpdir" }
  | { readonly kind: "slash_tmp" }
  | { readonly kind: "unknown"; readonly path: string; readonly subpath: LegacyAppPathString | null }
export type FileUpdateChange = { readonly path: string; readonly kind: PatchChangeKind; readonly diff: string }
export type ForcedChatgptWorkspaceIds = string | ReadonlyArray<string>
export type ForcedLoginMethod = "chatgpt" | "api"
export type FsChangedNotification = { readonly watchId: string; readonly changedPaths: ReadonlyArray<AbsolutePathBuf> }
export type FsCopyParams = { readonly sourcePath: AbsolutePathBuf; readonly destinationPath: AbsolutePathBuf; readonly recursive?: boolean | undefined }
export type FsCopyResponse = Record<string, never>
export type FsCreateDirectoryParams = { readonly path: AbsolutePathBuf; readonly recursive?: boolean | null | undefined }
export type FsCreateDirectoryResponse = Record<string, never>
export type FsGetMetadataParams = { readonly path: AbsolutePathBuf }
export type FsGetMetadataResponse = { readonly isDirectory: boolean; readonly isFile: boolean; readonly isSymlink: boolean; readonly createdAtMs: number; readonly modifiedAtMs: number }
export type FsReadDirectoryEntry = { readonly fileName: string; readonly isDirectory: boolean; readonly isFile: boolean }
export type FsReadDirectoryParams = { readonly path: AbsolutePathBuf }
export type FsReadDirectoryResponse = { readonly entries: ReadonlyArray<FsReadDirectoryEntry> }
export type FsReadFileParams = { readonly path: AbsolutePathBuf }
export type FsReadFileResponse = { readonly dataBase64: string }
export type FsRemoveParams = { readonly path: AbsolutePathBuf; readonly recursive?: boolean | null | undefined; readonly force?: boolean | null | undefined }
export type FsRemoveResponse = Record<string, never>
export type FsUnwatchParams = { readonly watchId: string }
export type FsUnwatchResponse = Record<string, never>
export type FsWatchParams = { readonly watchId: string; readonly path: AbsolutePathBuf }
export type FsWatchResponse = { readonly path: AbsolutePathBuf }
export type FsWriteFileParams = { readonly path: AbsolutePathBuf; readonly dataBase64: string }
export type FsWriteFileResponse = Record<string, never>
export type FunctionCallOutputBody = string | ReadonlyArray<FunctionCallOutputContentItem>
export type FunctionCallOutputContentItem =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "input_image"; readonly detail?: ImageDetail | undefined } & ({ readonly image_url: string } | { readonly file_id: string })
  | { readonly type: "input_audio" } & ({ readonly audio_url: string } | { readonly file_id: string })
  | { readonly type: "encrypted_content"; readonly encrypted_content: string }
export type FuzzyFileSearchMatchType = "file" | "directory"
export type FuzzyFileSearchParams = { readonly query: string; readonly roots: ReadonlyArray<string>; readonly cancellationToken: string | null }
export type FuzzyFileSearchResponse = { readonly files: ReadonlyArray<FuzzyFileSearchResult> }
export type FuzzyFileSearchResult = { readonly root: string; readonly path: string; readonly match_type: FuzzyFileSearchMatchType; readonly file_name: string; readonly score: number; readonly indices: ReadonlyArray<number> | null }
export type FuzzyFileSearchSessionCompletedNotification = { readonly sessionId: string }
export type FuzzyFileSearchSessionStartParams = { readonly sessionId: string; readonly roots: ReadonlyArray<string> }
export type FuzzyFileSearchSessionStartResponse = Record<string, never>
export type FuzzyFileSearchSessionStopParams = { readonly sessionId: string }
export type FuzzyFileSearchSessionStopResponse = Record<string, never>
export type FuzzyFileSearchSessionUpdateParams = { readonly sessionId: string; readonly query: string }
export type FuzzyFileSearchSessionUpdateResponse = Record<string, never>
export type FuzzyFileSearchSessionUpdatedNotification = { readonly sessionId: string; readonly query: string; readonly files: ReadonlyArray<FuzzyFileSearchResult> }
export type GatewayAuth =
  | { readonly mode: "none" }
  | { readonly mode: "environmentVariable"; readonly envKey: string }
  | { readonly mode: "externallyConfigured"; readonly envKey: string | null }
export type GatewayOAuthCancelResponse = Record<string, never>
export type GatewayOAuthChangedNotification = { readonly loginId: string | null; readonly authUrl: string | null; readonly providerId: string; readonly status: GatewayOAuthStatus; readonly error: string | null }
export type GatewayOAuthLoginParams = { readonly modelProvider?: string | null | undefined; readonly deviceAuth?: boolean | undefined }
export type GatewayOAuthLoginResponse = { readonly prompt: GatewayOAuthPrompt | null }
export type GatewayOAuthPrompt = { readonly loginId: string; readonly verificationUrl: string; readonly userCode: string }
export type GatewayOAuthReadParams = { readonly modelProvider?: string | null | undefined }
export type GatewayOAuthReadResponse = { readonly providerId: string; readonly providerName: string; readonly required: boolean; readonly supportsDeviceAuth?: boolean | undefined; readonly status: GatewayOAuthStatus | null; readonly error: string | null }
export type GatewayOAuthStatus = "notReady" | "started" | "succeeded" | "failed"
export type GcpProviderId = "gcp"
export type GcpSettingsParams = { readonly providerId: GcpProviderId; readonly projectId?: string | null | undefined; readonly location?: string | null | undefined; readonly credentialFile?: string | null | undefined }
export type GcpSetupParams = { readonly projectId: string; readonly location?: string | null | undefined; readonly credentialFile?: string | null | undefined }
export type GcpSetupResponse = Record<string, never>
export type GetAccountParams = { readonly refreshToken?: boolean | undefined }
export type GetAccountRateLimitsParams = { readonly supportsLunaReserve?: boolean | undefined; readonly excludeResetCreditDetails?: boolean | undefined }
export type GetAccountRateLimitsResponse = { readonly ordinaryUsageAllowed: boolean | null; readonly rateLimits: RateLimitSnapshot; readonly rateLimitsByLimitId: { readonly [key in string]?: RateLimitSnapshot } | null; readonly rateLimitResetCredits: RateLimitResetCreditsSummary | null; readonly accountId: string | null; readonly rateLimitUpsell: JsonValue | null }
export type GetAccountResponse = { readonly account: Account | null; readonly userId: string | null; readonly requiresOpenaiAuth: boolean; readonly workspaceRouting: WorkspaceRouting | null }
export type GetAccountSecuritySetupResponse = { readonly notice: AccountSecuritySetupNotice | null }
export type GetAccountTokenUsageParams = { readonly threadId?: string | null | undefined }
export type GetAccountTokenUsageResponse = { readonly summary: AccountTokenUsageSummary; readonly dailyUsageBuckets: ReadonlyArray<AccountTokenUsageDailyBucket> | null; readonly threadUsage?: ThreadUsage | null | undefined }
export type GetAuthStatusParams = { readonly includeToken: boolean | null; readonly refreshToken: boolean | null }
export type GetAuthStatusResponse = { readonly authMethod: AuthMode | null; readonly authToken: string | null; readonly requiresOpenaiAuth: boolean | null }
export type GetConversationSummaryParams = { readonly rolloutPath: string } | { readonly conversationId: ThreadId }
export type GetConversationSummaryResponse = { readonly summary: ConversationSummary }
export type GetWorkspaceMessagesResponse = { readonly featureEnabled: boolean; readonly messages: ReadonlyArray<WorkspaceMessage> }
export type GitDiffToRemoteParams = { readonly cwd: string }
export type GitDiffToRemoteResponse = { readonly sha: GitSha; readonly diff: string }
export type GitInfo = { readonly sha: string | null; readonly branch: string | null; readonly originUrl: string | null }
export type GitSha = string
export type GrantedPermissionProfile = { readonly network?: AdditionalNetworkPermissions | undefined; readonly fileSystem?: AdditionalFileSystemPermissions | undefined }
export type GuardianApprovalReview = { readonly status: GuardianApprovalReviewStatus; readonly riskLevel: GuardianRiskLevel | null; readonly userAuthorization: GuardianUserAuthorization | null; readonly rationale: string | null }
export type GuardianApprovalReviewAction =
  | { readonly type: "command"; readonly source: GuardianCommandSource; readonly command: string; readonly cwd: LegacyAppPathString }
  | { readonly type: "execve"; readonly source: GuardianCommandSource; readonly program: string; readonly argv: ReadonlyArray<string>; readonly cwd: AbsolutePathBuf }
  | { readonly type: "writeStdin"; readonly approvalId: string; readonly processId: string; readonly stdin: string; readonly cwd: LegacyAppPathString }
  | { readonly type: "applyPatch"; readonly cwd: LegacyAppPathString; readonly files: ReadonlyArray<LegacyAppPathString> }
  | { readonly type: "networkAccess"; readonly target: string; readonly host: string; readonly protocol: NetworkApprovalProtocol; readonly port: number }
  | { readonly type: "mcpToolCall"; readonly server: string; readonly toolName: string; readonly connectorId: string | null; readonly connectorName: string | null; readonly toolTitle: string | null }
  | { readonly type: "requestPermissions"; readonly reason: string | null; readonly permissions: RequestPermissionProfile }
export type GuardianApprovalReviewStatus = "inProgress" | "approved" | "denied" | "timedOut" | "aborted"
export type GuardianAssessmentOutcome = "allow" | "deny"
export type GuardianCommandSource = "shell" | "unifiedExec"
export type GuardianRiskLevel = "low" | "medium" | "high" | "critical"
export type GuardianUserAuthorization = "unknown" | "low" | "medium" | "high"
export type GuardianWarningNotification = { readonly threadId: string; readonly message: string }
export type HookCompletedNotification = { readonly threadId: string; readonly turnId: string | null; readonly run: HookRunSummary }
export type HookErrorInfo = { readonly path: string; readonly message: string }
export type HookEventName =
  | "preModelRequest"
  | "postModelRequest"
  | "preToolUse"
  | "permissionRequest"
  | "postToolUse"
  | "preCompact"
  | "postCompact"
  | "sessionStart"
  | "sessionEnd"
  | "userPromptSubmit"
  | "subagentStart"
  | "subagentStop"
  | "stop"
  | "interrupt"
export type HookExecutionMode = "sync" | "async"
export type HookHandlerType = "command" | "mcpTool" | "prompt" | "agent"
export type HookMetadata = { readonly key: string; readonly eventName: HookEventName; readonly matcher: string | null; readonly timeoutSec: number; readonly statusMessage: string | null; readonly additionalContextLimit: number | null; readonly sourcePath: AbsolutePathBuf; readonly source: HookSource; readonly pluginId: string | null; readonly environmentId: string | null; readonly displayOrder: number; readonly enabled: boolean; readonly isManaged: boolean; readonly currentHash: string; readonly trustStatus: HookTrustStatus } & ({ readonly handlerType: "command"; readonly command: string; readonly async: boolean } | { readonly handlerType: "mcpTool"; readonly server: string; readonly tool: string } | { readonly handlerType: "prompt" } | { readonly handlerType: "agent" })
export type HookMigration = { readonly name: string }
export type HookOutputEntry = { readonly kind: HookOutputEntryKind; readonly text: string }
export type HookOutputEntryKind = "warning" | "stop" | "feedback" | "context" | "error"
export type HookPromptFragment = { readonly text: string; readonly hookRunId: string }
export type HookRunStatus = "running" | "completed" | "failed" | "blocked" | "stopped"
export type HookRunSummary = { readonly id: string; readonly eventName: HookEventName; readonly handlerType: HookHandlerType; readonly executionMode: HookExecutionMode; readonly scope: HookScope; readonly sourcePath: LegacyAppPathString; readonly source: HookSource; readonly displayOrder: number; readonly status: HookRunStatus; readonly statusMessage: string | null; readonly startedAt: number; readonly completedAt: number | null; readonly durationMs: number | null; readonly entries: ReadonlyArray<HookOutputEntry> }
export type HookScope = "thread" | "turn"
export type HookSource =
  | "system"
  | "user"
  | "project"
  | "mdm"
  | "sessionFlags"
  | "plugin"
  | "cloudRequirements"
  | "cloudManagedConfig"
  | "legacyManagedConfigFile"
  | "legacyManagedConfigMdm"
  | "unknown"
export type HookStartedNotification = { readonly threadId: string; readonly turnId: string | null; readonly run: HookRunSummary }
export type HookTrustStatus = "managed" | "untrusted" | "trusted" | "modified"
export type HooksListEntry = { readonly cwd: string; readonly hooks: ReadonlyArray<HookMetadata>; readonly warnings: ReadonlyArray<string>; readonly errors: ReadonlyArray<HookErrorInfo> }
export type HooksListParams = { readonly cwds?: ReadonlyArray<string> | undefined; readonly threadId?: string | null | undefined }
export type HooksListResponse = { readonly data: ReadonlyArray<HooksListEntry> }
export type ImageDetail = "auto" | "low" | "high" | "original"
export type ImageGenerationFailure = { readonly type: "usageLimitExceeded"; readonly limitId: string; readonly resetsAt: number | null }
export type ImageGenerationInputImage = { readonly path: AbsolutePathBuf; readonly sha256: string }
export type ImageGenerationItem = { readonly id: string; readonly status: string; readonly revisedPrompt: string | null; readonly transparentBackground?: boolean | undefined; readonly failure: ImageGenerationFailure | null; readonly savedPath?: AbsolutePathBuf | undefined; readonly inputImages?: ReadonlyArray<ImageGenerationInputImage> | undefined; readonly generationId: string | null } & ({ readonly fileId: string } | { readonly result: string })
export type InAppBrowserRequirements = { readonly allowExternalBrowserSettingsImport: boolean | null }
export type InitializeCapabilities = { readonly requiredHumanApproval?: boolean | undefined; readonly explicitGatewayOauth?: boolean | undefined; readonly experimentalApi: boolean; readonly requestAttestation: boolean; readonly mcpServerOpenaiFormElicitation?: boolean | undefined; readonly optOutNotificationMethods?: ReadonlyArray<string> | null | undefined; readonly extensions?: { readonly [key in string]?: JsonValue } | null | undefined }
export type InitializeParams = { readonly clientInfo: ClientInfo; readonly capabilities: InitializeCapabilities | null }
export type InitializeResponse = { readonly userAgent: string; readonly codexHome: AbsolutePathBuf; readonly platformFamily: string; readonly platformOs: string }
export type InputModality = "text" | "image" | "audio"
export type InstalledApp = { readonly id: string; readonly runtimeName: string | null; readonly enabled: boolean; readonly callable: boolean }
export type InternalChatMessageMetadataPassthrough = { readonly turn_id?: string | undefined }
export type InternalSessionSource = "memory_consolidation" | "guardian"
export type ItemCompletedNotification = { readonly item: ThreadItem; readonly threadId: string; readonly turnId: string; readonly contentTokenCount?: number | null | undefined; readonly completedAtMs: number }
export type ItemGuardianApprovalReviewCompletedNotification = { readonly threadId: string; readonly turnId: string; readonly startedAtMs: number; readonly completedAtMs: number; readonly reviewId: string; readonly targetItemId: string | null; readonly decisionSource: AutoReviewDecisionSource; readonly review: GuardianApprovalReview; readonly action: GuardianApprovalReviewAction }
export type ItemGuardianApprovalReviewStartedNotification = { readonly threadId: string; readonly turnId: string; readonly startedAtMs: number; readonly reviewId: string; readonly targetItemId: string | null; readonly review: GuardianApprovalReview; readonly action: GuardianApprovalReviewAction }
export type ItemStartedNotification = { readonly item: ThreadItem; readonly threadId: string; readonly turnId: string; readonly startedAtMs: number }
export type JsonValue =
  | number
  | string
  | boolean
  | ReadonlyArray<JsonValue>
  | { readonly [key in string]?: JsonValue }
  | null
export type LegacyAppPathString = string
export type ListMcpServerStatusParams = { readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly detail?: McpServerStatusDetail | null | undefined; readonly threadId?: string | null | undefined; readonly serverName?: string | null | undefined }
export type ListMcpServerStatusResponse = { readonly data: ReadonlyArray<McpServerStatus>; readonly nextCursor: string | null }
export type LocalShellAction = { readonly type: "exec" } & LocalShellExecAction
export type LocalShellExecAction = { readonly command: ReadonlyArray<string>; readonly timeout_ms: number | null; readonly working_directory: string | null; readonly env: { readonly [key in string]?: string } | null; readonly user: string | null }
export type LocalShellStatus = "completed" | "in_progress" | "incomplete"
export type LoginAccountParams =
  | { readonly type: "apiKey"; readonly apiKey: string }
  | { readonly type: "chatgpt"; readonly codexStreamlinedLogin?: boolean | undefined; readonly useHostedLoginSuccessPage?: boolean | undefined; readonly appBrand?: LoginAppBrand | null | undefined }
  | { readonly type: "chatgptDeviceCode" }
  | { readonly type: "chatgptAuthTokens"; readonly accessToken: string; readonly chatgptAccountId: string; readonly chatgptPlanType?: string | null | undefined }
  | { readonly type: "amazonBedrock"; readonly apiKey: string; readonly region: string }
  | { readonly type: "amazonBedrockAccessKeys"; readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | null | undefined; readonly region: string }
export type LoginAccountResponse =
  | { readonly type: "apiKey" }
  | { readonly type: "chatgpt"; readonly loginId: string; readonly authUrl: string }
  | { readonly type: "chatgptDeviceCode"; readonly loginId: string; readonly verificationUrl: string; readonly userCode: string }
  | { readonly type: "chatgptAuthTokens" }
  | { readonly type: "amazonBedrock" }
export type LoginAppBrand = "codex" | "chatgpt"
export type LogoutAccountResponse = Record<string, never>
export type ManagedHooksRequirements = { readonly PreModelRequest: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly PostModelRequest: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly managedDir: string | null; readonly windowsManagedDir: string | null; readonly PreToolUse: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly PermissionRequest: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly PostToolUse: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly PreCompact: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly PostCompact: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly SessionStart: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly SessionEnd: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly UserPromptSubmit: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly SubagentStart: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly SubagentStop: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly Stop: ReadonlyArray<ConfiguredHookMatcherGroup>; readonly Interrupt: ReadonlyArray<ConfiguredHookMatcherGroup> }
export type MarketplaceAddParams = { readonly source: string; readonly refName?: string | null | undefined; readonly sparsePaths?: ReadonlyArray<string> | null | undefined }
export type MarketplaceAddResponse = { readonly marketplaceName: string; readonly installedRoot: AbsolutePathBuf; readonly alreadyAdded: boolean }
export type MarketplaceInterface = { readonly displayName: string | null }
export type MarketplaceLoadErrorInfo = { readonly marketplacePath: AbsolutePathBuf; readonly message: string }
export type MarketplaceRemoveParams = { readonly marketplaceName: string }
export type MarketplaceRemoveResponse = { readonly marketplaceName: string; readonly installedRoot: AbsolutePathBuf | null }
export type MarketplaceUpgradeErrorInfo = { readonly marketplaceName: string; readonly message: string }
export type MarketplaceUpgradeParams = { readonly marketplaceName?: string | null | undefined }
export type MarketplaceUpgradeResponse = { readonly selectedMarketplaces: ReadonlyArray<string>; readonly upgradedRoots: ReadonlyArray<AbsolutePathBuf>; readonly errors: ReadonlyArray<MarketplaceUpgradeErrorInfo> }
export type McpAppDisplayMode = "inline" | "fullscreen"
export type McpAppUi = { readonly resourceUri: string; readonly preferredModelDisplayMode: McpAppDisplayMode }
export type McpAuthStatus = "unknown" | "unsupported" | "notLoggedIn" | "bearerToken" | "oAuth"
export type McpElicitationArrayType = "array"
export type McpElicitationBooleanSchema = { readonly type: McpElicitationBooleanType; readonly title?: string | undefined; readonly description?: string | undefined; readonly default?: boolean | undefined }
export type McpElicitationBooleanType = "boolean"
export type McpElicitationConstOption = { readonly const: string; readonly title: string }
export type McpElicitationEnumSchema =
  | McpElicitationSingleSelectEnumSchema
  | McpElicitationMultiSelectEnumSchema
  | McpElicitationLegacyTitledEnumSchema
export type McpElicitationLegacyTitledEnumSchema = { readonly type: McpElicitationStringType; readonly title?: string | undefined; readonly description?: string | undefined; readonly enum: ReadonlyArray<string>; readonly enumNames?: ReadonlyArray<string> | undefined; readonly default?: string | undefined }
export type McpElicitationMultiSelectEnumSchema = McpElicitationUntitledMultiSelectEnumSchema | McpElicitationTitledMultiSelectEnumSchema
export type McpElicitationNumberSchema = { readonly type: McpElicitationNumberType; readonly title?: string | undefined; readonly description?: string | undefined; readonly minimum?: number | undefined; readonly maximum?: number | undefined; readonly default?: number | undefined }
export type McpElicitationNumberType = "number" | "integer"
export type McpElicitationObjectType = "object"
export type McpElicitationPrimitiveSchema =
  | McpElicitationEnumSchema
  | McpElicitationStringSchema
  | McpElicitationNumberSchema
  | McpElicitationBooleanSchema
export type McpElicitationSchema = { readonly $schema?: string | undefined; readonly type: McpElicitationObjectType; readonly properties: { readonly [key in string]?: McpElicitationPrimitiveSchema }; readonly required?: ReadonlyArray<string> | undefined }
export type McpElicitationSingleSelectEnumSchema = McpElicitationUntitledSingleSelectEnumSchema | McpElicitationTitledSingleSelectEnumSchema
export type McpElicitationStringFormat = "email" | "uri" | "date" | "date-time"
export type McpElicitationStringSchema = { readonly type: McpElicitationStringType; readonly title?: string | undefined; readonly description?: string | undefined; readonly minLength?: number | undefined; readonly maxLength?: number | undefined; readonly format?: McpElicitationStringFormat | undefined; readonly default?: string | undefined }
export type McpElicitationStringType = "string"
export type McpElicitationTitledEnumItems = { readonly anyOf: ReadonlyArray<McpElicitationConstOption> }
export type McpElicitationTitledMultiSelectEnumSchema = { readonly type: McpElicitationArrayType; readonly title?: string | undefined; readonly description?: string | undefined; readonly minItems?: number | undefined; readonly maxItems?: number | undefined; readonly items: McpElicitationTitledEnumItems; readonly default?: ReadonlyArray<string> | undefined }
export type McpElicitationTitledSingleSelectEnumSchema = { readonly type: McpElicitationStringType; readonly title?: string | undefined; readonly description?: string | undefined; readonly oneOf: ReadonlyArray<McpElicitationConstOption>; readonly default?: string | undefined }
export type McpElicitationUntitledEnumItems = { readonly type: McpElicitationStringType; readonly enum: ReadonlyArray<string> }
export type McpElicitationUntitledMultiSelectEnumSchema = { readonly type: McpElicitationArrayType; readonly title?: string | undefined; readonly description?: string | undefined; readonly minItems?: number | undefined; readonly maxItems?: number | undefined; readonly items: McpElicitationUntitledEnumItems; readonly default?: ReadonlyArray<string> | undefined }
export type McpElicitationUntitledSingleSelectEnumSchema = { readonly type: McpElicitationStringType; readonly title?: string | undefined; readonly description?: string | undefined; readonly enum: ReadonlyArray<string>; readonly default?: string | undefined }
export type McpResourceReadParams = { readonly _meta?: { readonly [key in string]?: JsonValue } | null | undefined; readonly threadId?: string | null | undefined; readonly originCallId?: string | null | undefined; readonly server: string; readonly uri: string; readonly connectorId?: string | null | undefined; readonly target?: McpResourceReadTarget | null | undefined }
export type McpResourceReadResponse = { readonly contents: ReadonlyArray<ResourceContent>; readonly originCallId: string | null }
export type McpResourceReadTarget = { readonly connectorId: string; readonly linkId: string | null }
export type McpServerConnectionStatus =
  | "notStarted"
  | "starting"
  | "connected"
  | "authenticationRequired"
  | "failed"
  | "cancelled"
  | "disabled"
export type McpServerElicitationAction = "accept" | "decline" | "cancel"
export type McpServerElicitationRequestParams = { readonly threadId: string; readonly turnId: string | null; readonly serverName: string } & ({ readonly mode: "openai/userVerification"; readonly _meta: JsonValue | null; readonly title: string; readonly description: string; readonly challenge: string } | { readonly mode: "form"; readonly _meta: JsonValue | null; readonly message: string; readonly requestedSchema: McpElicitationSchema } | { readonly mode: "openai/form"; readonly _meta: JsonValue | null; readonly message: string; readonly requestedSchema: JsonValue } | { readonly mode: "openaiForm"; readonly _meta: JsonValue | null; readonly message: string; readonly requestedSchema: JsonValue } | { readonly mode: "url"; readonly _meta: JsonValue | null; readonly message: string; readonly url: string; readonly elicitationId: string })
export type McpServerElicitationRequestResponse = { readonly action: McpServerElicitationAction; readonly content: JsonValue | null; readonly _meta: JsonValue | null }
export type McpServerEventNotification = { readonly method: string; readonly params: JsonValue }
export type McpServerEventStreamNotification = { readonly subscriptionId: string; readonly notification: McpServerEventNotification }
export type McpServerEventStreamStartParams = { readonly threadId: string; readonly server: string; readonly subscriptionId: string; readonly name: string; readonly arguments: JsonValue; readonly _meta?: JsonValue | null | undefined }
export type McpServerEventStreamStartResponse = Record<string, never>
export type McpServerEventStreamStopParams = { readonly subscriptionId: string }
export type McpServerEventStreamStopResponse = Record<string, never>
export type McpServerInfo = { readonly name: string; readonly title: string | null; readonly version: string; readonly description: string | null; readonly icons: ReadonlyArray<JsonValue> | null; readonly websiteUrl: string | null }
export type McpServerMigration = { readonly name: string }
export type McpServerOauthClientRegistration = "auto" | "cimd" | "dcr"
export type McpServerOauthLoginCompletedNotification = { readonly name: string; readonly threadId: string | null; readonly loginId?: string | null | undefined; readonly success: boolean; readonly error?: string | undefined }
export type McpServerOauthLoginParams = { readonly name: string; readonly threadId?: string | null | undefined; readonly clientRegistration?: McpServerOauthClientRegistration | null | undefined; readonly scopes?: ReadonlyArray<string> | null | undefined; readonly timeoutSecs?: number | null | undefined }
export type McpServerOauthLoginResponse = { readonly authorizationUrl: string; readonly loginId?: string | undefined }
export type McpServerRefreshResponse = Record<string, never>
export type McpServerStartupFailureReason = "reauthenticationRequired"
export type McpServerStartupState = "starting" | "ready" | "failed" | "cancelled"
export type McpServerStatus = { readonly name: string; readonly runtimeStatus: McpServerConnectionStatus | null; readonly pluginId: string | null; readonly httpOrigin: string | null; readonly serverInfo: McpServerInfo | null; readonly serverCapabilities: JsonValue | null; readonly toolListMeta: JsonValue | null; readonly tools: { readonly [key in string]?: Tool }; readonly toolsError: string | null; readonly resources: ReadonlyArray<Resource>; readonly resourceTemplates: ReadonlyArray<ResourceTemplate>; readonly authStatus: McpAuthStatus }
export type McpServerStatusDetail = "full" | "toolsAndAuthOnly"
export type McpServerStatusUpdatedNotification = { readonly threadId: string | null; readonly name: string; readonly status: McpServerStartupState; readonly error: string | null; readonly failureReason: McpServerStartupFailureReason | null }
export type McpServerToolCallParams = { readonly threadId: string; readonly server: string; readonly tool: string; readonly arguments?: JsonValue | undefined; readonly _meta?: JsonValue | undefined }
export type McpServerToolCallResponse = { readonly content: ReadonlyArray<JsonValue>; readonly structuredContent?: JsonValue | undefined; readonly isError?: boolean | undefined; readonly _meta?: JsonValue | undefined }
export type McpToolCallAppContext = { readonly connectorId: string; readonly linkId: string | null; readonly resourceUri: string | null; readonly appName: string | null; readonly actionName: string | null }
export type McpToolCallError = { readonly message: string }
export type McpToolCallProgressNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly message: string }
export type McpToolCallResult = { readonly content: ReadonlyArray<JsonValue>; readonly structuredContent: JsonValue | null; readonly _meta: JsonValue | null }
export type McpToolCallStatus = "inProgress" | "completed" | "failed"
export type MemoryCitation = { readonly entries: ReadonlyArray<MemoryCitationEntry>; readonly threadIds: ReadonlyArray<string> }
export type MemoryCitationEntry = { readonly path: string; readonly lineStart: number; readonly lineEnd: number; readonly note: string }
export type MemoryResetResponse = Record<string, never>
export type MemoryStatusParams = { readonly minConsolidatedThreads?: number | null | undefined }
export type MemoryStatusResponse = { readonly v2ConsolidatedThreads: number; readonly v2Ready: boolean }
export type MergeStrategy = "replace" | "upsert"
export type MessagePhase = "commentary" | "partial_answer" | "final_answer"
export type MigrationDetails = { readonly plugins: ReadonlyArray<PluginsMigration>; readonly skills: ReadonlyArray<SkillMigration>; readonly sessions: ReadonlyArray<SessionMigration>; readonly mcpServers: ReadonlyArray<McpServerMigration>; readonly hooks: ReadonlyArray<HookMigration>; readonly subagents: ReadonlyArray<SubagentMigration>; readonly commands: ReadonlyArray<CommandMigration>; readonly memory?: ReadonlyArray<string> | undefined }
export type MisalignmentErrorDetails = { readonly errorType: string | null; readonly detailedExplanation: string | null; readonly steer: MisalignmentSteer | null; readonly reviewTarget?: string | null | undefined }
export type MisalignmentSteer = { readonly message: string }
export type MockExperimentalMethodParams = { readonly value?: string | null | undefined }
export type MockExperimentalMethodResponse = { readonly echoed: string | null }
export type ModeKind = "plan" | "default"
export type Model = { readonly id: string; readonly model: string; readonly upgrade: string | null; readonly upgradeInfo: ModelUpgradeInfo | null; readonly availabilityNux: ModelAvailabilityNux | null; readonly displayName: string; readonly description: string; readonly modelSpecialty: string | null; readonly hidden: boolean; readonly supportedReasoningEfforts: ReadonlyArray<ReasoningEffortOption>; readonly defaultReasoningEffort: ReasoningEffort; readonly inputModalities: ReadonlyArray<InputModality>; readonly supportsPersonality: boolean; readonly multiAgentVersion: MultiAgentVersion | null; readonly additionalSpeedTiers: ReadonlyArray<string>; readonly serviceTiers: ReadonlyArray<ModelServiceTier>; readonly defaultServiceTier: string | null; readonly availableAccessPrograms: ModelAccessPrograms | null; readonly isDefault: boolean }
export type ModelAccessPrograms = { readonly cyber: ReadonlyArray<CyberAccessProgram> }
export type ModelAvailabilityNux = { readonly message: string }
export type ModelListParams = { readonly modelProvider?: string | null | undefined; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly includeHidden?: boolean | null | undefined }
export type ModelListResponse = { readonly data: ReadonlyArray<Model>; readonly nextCursor: string | null }
export type ModelProviderCapabilitiesReadParams = Record<string, never>
export type ModelProviderCapabilitiesReadResponse = { readonly imageGeneration: boolean; readonly webSearch: boolean }
export type ModelProviderConfigWriteParams = { readonly settings: ProviderSettingsPatch }
export type ModelProviderConfigWriteResponse = { readonly provider: ModelProviderSummary }
export type ModelProviderListParams = Record<string, never>
export type ModelProviderListResponse = { readonly data: ReadonlyArray<ModelProviderSummary>; readonly defaultProviderId: string; readonly canChangeDefault: boolean }
export type ModelProviderSummary = { readonly id: string; readonly name: string; readonly canEdit: boolean; readonly baseUrl: string | null; readonly settings: ProviderSettings }
export type ModelRerouteReason = "highRiskCyberActivity"
export type ModelReroutedNotification = { readonly threadId: string; readonly turnId: string; readonly fromModel: string; readonly toModel: string; readonly reason: ModelRerouteReason }
export type ModelSafetyBufferingUpdatedNotification = { readonly threadId: string; readonly turnId: string; readonly model: string; readonly useCases: ReadonlyArray<string>; readonly reasons: ReadonlyArray<string>; readonly showBufferingUi: boolean; readonly fasterModel: string | null }
export type ModelServiceTier = { readonly id: string; readonly name: string; readonly description: string }
export type ModelUpgradeInfo = { readonly model: string; readonly upgradeCopy: string | null; readonly modelLink: string | null; readonly migrationMarkdown: string | null; readonly retirementAt: number | null }
export type ModelVerification = "trustedAccessForCyber"
export type ModelVerificationNotification = { readonly threadId: string; readonly turnId: string; readonly verifications: ReadonlyArray<ModelVerification> }
export type ModelsRequirements = { readonly newThread: NewThreadModelDefaults | null }
export type MultiAgentMode = { readonly custom: string } | "explicitRequestOnly" | "proactive"
export type MultiAgentVersion = "disabled" | "v1" | "v2"
export type NetworkAccess = "restricted" | "enabled"
export type NetworkApprovalContext = { readonly host: string; readonly protocol: NetworkApprovalProtocol }
export type NetworkApprovalProtocol = "http" | "https" | "socks5Tcp" | "socks5Udp"
export type NetworkDomainPermission = "allow" | "deny"
export type NetworkPolicyAmendment = { readonly host: string; readonly action: NetworkPolicyRuleAction }
export type NetworkPolicyRuleAction = "allow" | "deny"
export type NetworkRequirements = { readonly enabled: boolean | null; readonly httpPort: number | null; readonly socksPort: number | null; readonly allowUpstreamProxy: boolean | null; readonly dangerouslyAllowNonLoopbackProxy: boolean | null; readonly dangerouslyAllowAllUnixSockets: boolean | null; readonly domains: { readonly [key in string]?: NetworkDomainPermission } | null; readonly reviewDomains: ReadonlyArray<string> | null; readonly managedAllowedDomainsOnly: boolean | null; readonly allowedDomains: ReadonlyArray<string> | null; readonly deniedDomains: ReadonlyArray<string> | null; readonly unixSockets: { readonly [key in string]?: NetworkUnixSocketPermission } | null; readonly allowUnixSockets: ReadonlyArray<string> | null; readonly allowLocalBinding: boolean | null }
export type NetworkUnixSocketPermission = "allow" | "deny"
export type NewThreadModelDefaults = { readonly model: string | null; readonly modelReasoningEffort: ReasoningEffort | null; readonly serviceTier: string | null }
export type NonSteerableTurnKind = "review" | "compact"
export type OtelExporter =
  | "none"
  | "statsig"
  | { readonly "otlp-http": { readonly endpoint: string; readonly headers: { readonly [key in string]?: string }; readonly protocol: OtelHttpProtocol; readonly tls: OtelTlsConfig | null } }
  | { readonly "otlp-grpc": { readonly endpoint: string; readonly headers: { readonly [key in string]?: string }; readonly tls: OtelTlsConfig | null } }
export type OtelHttpProtocol = "binary" | "json"
export type OtelRequirements = { readonly tool_result: OtelToolResultLogConfig | null; readonly log_sse_deltas: boolean | null; readonly log_user_prompt: boolean | null; readonly log_agent_responses: boolean | null; readonly log_guardian_assessments: boolean | null; readonly environment: string | null; readonly exporter: OtelExporter | null; readonly trace_exporter: OtelExporter | null; readonly metrics_exporter: OtelExporter | null; readonly span_attributes: { readonly [key in string]?: string } | null; readonly tracestate: { readonly [key in string]?: { readonly [key in string]?: string } } | null }
export type OtelTlsConfig = { readonly "ca-certificate": string | null; readonly "client-certificate": string | null; readonly "client-private-key": string | null }
export type OtelToolResultLogConfig = { readonly max_bytes: number }
export type OverriddenMetadata = { readonly message: string; readonly overridingLayer: ConfigLayerMetadata; readonly effectiveValue: JsonValue }
export type ParsedCommand =
  | { readonly type: "read"; readonly cmd: string; readonly name: string; readonly path: string }
  | { readonly type: "list_files"; readonly cmd: string; readonly path: string | null }
  | { readonly type: "search"; readonly cmd: string; readonly query: string | null; readonly path: string | null }
  | { readonly type: "unknown"; readonly cmd: string }
export type PatchApplyStatus = "inProgress" | "completed" | "failed" | "declined"
export type PatchChangeKind =
  | { readonly type: "add" }
  | { readonly type: "delete" }
  | { readonly type: "update"; readonly move_path: string | null }
export type PathUri = string
export type PermissionGrantScope = "turn" | "session"
export type PermissionProfileListParams = { readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly cwd?: string | null | undefined }
export type PermissionProfileListResponse = { readonly data: ReadonlyArray<PermissionProfileSummary>; readonly nextCursor: string | null }
export type PermissionProfileSummary = { readonly id: string; readonly description: string | null; readonly allowed: boolean }
export type PermissionsRequestApprovalParams = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly environmentId: string | null; readonly startedAtMs: number; readonly cwd: LegacyAppPathString; readonly reason: string | null; readonly permissions: RequestPermissionProfile }
export type PermissionsRequestApprovalResponse = { readonly permissions: GrantedPermissionProfile; readonly scope: PermissionGrantScope; readonly strictAutoReview?: boolean | undefined }
export type Personality = "none" | "friendly" | "pragmatic"
export type PlanDeltaNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly delta: string }
export type PlanType =
  | "free"
  | "go"
  | "plus"
  | "pro"
  | "prolite"
  | "promax"
  | "team"
  | "self_serve_business_prolite"
  | "self_serve_business_usage_based"
  | "business"
  | "ent26"
  | "enterprise_cbp_automation"
  | "enterprise_cbp_usage_based"
  | "enterprise"
  | "edu"
  | "edu_plus"
  | "edu_pro"
  | "sci"
  | "sci_plus"
  | "unknown"
export type PluginAuthPolicy = "ON_INSTALL" | "ON_USE"
export type PluginAvailability = "AVAILABLE" | "DISABLED_BY_ADMIN"
export type PluginDetail = { readonly marketplaceName: string; readonly marketplacePath: AbsolutePathBuf | null; readonly summary: PluginSummary; readonly shareUrl: string | null; readonly description: string | null; readonly skills: ReadonlyArray<SkillSummary>; readonly onboardingSkill: SkillSummary | null; readonly hooks: ReadonlyArray<PluginHookSummary>; readonly apps: ReadonlyArray<AppSummary>; readonly appTemplates: ReadonlyArray<AppTemplateSummary>; readonly mcpServers: ReadonlyArray<string>; readonly scheduledTasks: ReadonlyArray<ScheduledTaskSummary> | null }
export type PluginDisabledReason = "disabled_by_admin" | "plan_not_eligible" | "required_app_unavailable" | "unknown"
export type PluginHookSummary = { readonly key: string; readonly eventName: HookEventName }
export type PluginInstallParams = { readonly marketplacePath?: AbsolutePathBuf | null | undefined; readonly remoteMarketplaceName?: string | null | undefined; readonly installAttemptId?: string | null | undefined; readonly pluginName: string }
export type PluginInstallPolicy = "NOT_AVAILABLE" | "AVAILABLE" | "INSTALLED_BY_DEFAULT"
export type PluginInstallPolicySource = "WORKSPACE_SETTING" | "IMPLICIT_CANONICAL_APP"
export type PluginInstallResponse = { readonly authPolicy: PluginAuthPolicy; readonly appsNeedingAuth: ReadonlyArray<AppSummary> }
export type PluginInstalledParams = { readonly cwds?: ReadonlyArray<AbsolutePathBuf> | null | undefined; readonly installSuggestionPluginNames?: ReadonlyArray<string> | null | undefined }
export type PluginInstalledResponse = { readonly marketplaces: ReadonlyArray<PluginMarketplaceEntry>; readonly marketplaceLoadErrors: ReadonlyArray<MarketplaceLoadErrorInfo> }
export type PluginInterface = { readonly displayName: string | null; readonly shortDescription: string | null; readonly longDescription: string | null; readonly developerName: string | null; readonly category: string | null; readonly capabilities: ReadonlyArray<string>; readonly websiteUrl: string | null; readonly privacyPolicyUrl: string | null; readonly termsOfServiceUrl: string | null; readonly defaultPrompt: ReadonlyArray<string> | null; readonly brandColor: string | null; readonly composerIcon: AbsolutePathBuf | null; readonly composerIconUrl: string | null; readonly logo: AbsolutePathBuf | null; readonly logoDark: AbsolutePathBuf | null; readonly logoUrl: string | null; readonly logoUrlDark: string | null; readonly screenshots: ReadonlyArray<AbsolutePathBuf>; readonly screenshotUrls: ReadonlyArray<string> }
export type PluginListMarketplaceKind = "local" | "vertical" | "workspace-directory" | "shared-with-me" | "created-by-me-remote"
export type PluginListParams = { readonly cwds?: ReadonlyArray<AbsolutePathBuf> | null | undefined; readonly marketplaceKinds?: ReadonlyArray<PluginListMarketplaceKind> | null | undefined; readonly forceRefetch?: boolean | undefined }
export type PluginListResponse = { readonly marketplaces: ReadonlyArray<PluginMarketplaceEntry>; readonly marketplaceLoadErrors: ReadonlyArray<MarketplaceLoadErrorInfo>; readonly featuredPluginIds: ReadonlyArray<string> }
export type PluginMarketplaceEntry = { readonly name: string; readonly path: AbsolutePathBuf | null; readonly interface: MarketplaceInterface | null; readonly plugins: ReadonlyArray<PluginSummary> }
export type PluginReadParams = { readonly marketplacePath?: AbsolutePathBuf | null | undefined; readonly remoteMarketplaceName?: string | null | undefined; readonly pluginName: string }
export type PluginReadResponse = { readonly plugin: PluginDetail }
export type PluginReconcileChangedPlugin = { readonly id: string; readonly hasMcps: boolean; readonly hasApps: boolean; readonly hasHooks: boolean; readonly hasSkills: boolean }
export type PluginReconcileParams = { readonly reason?: string | null | undefined }
export type PluginReconcileResponse = { readonly changedPlugins: ReadonlyArray<PluginReconcileChangedPlugin>; readonly failedRemotePluginIds: ReadonlyArray<string>; readonly failedMaterializationRemotePluginIds: ReadonlyArray<string> }
export type PluginSearchParams = { readonly searchTerm: string; readonly scope?: PluginSearchScope | null | undefined; readonly cwds?: ReadonlyArray<AbsolutePathBuf> | null | undefined; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined }
export type PluginSearchResponse = { readonly data: ReadonlyArray<PluginSearchResult>; readonly nextCursor: string | null }
export type PluginSearchResult = { readonly plugin: PluginSummary; readonly marketplaceName: string; readonly marketplacePath: AbsolutePathBuf | null }
export type PluginSearchScope = "global" | "workspace" | "personal"
export type PluginShareCheckoutParams = { readonly remotePluginId: string }
export type PluginShareCheckoutResponse = { readonly remotePluginId: string; readonly pluginId: string; readonly pluginName: string; readonly pluginPath: AbsolutePathBuf; readonly marketplaceName: string; readonly marketplacePath: AbsolutePathBuf; readonly remoteVersion: string | null }
export type PluginShareContext = { readonly remotePluginId: string; readonly remoteVersion: string | null; readonly discoverability: PluginShareDiscoverability | null; readonly shareUrl: string | null; readonly creatorAccountUserId: string | null; readonly creatorName: string | null; readonly sharePrincipals: ReadonlyArray<PluginSharePrincipal> | null; readonly canPublishToWorkspace: boolean | null }
export type PluginShareDeleteParams = { readonly remotePluginId: string }
export type PluginShareDeleteResponse = Record<string, never>
export type PluginShareDiscoverability = "LISTED" | "UNLISTED" | "PRIVATE"
export type PluginShareListItem = { readonly plugin: PluginSummary; readonly localPluginPath: AbsolutePathBuf | null }
export type PluginShareListParams = Record<string, never>
export type PluginShareListResponse = { readonly data: ReadonlyArray<PluginShareListItem> }
export type PluginSharePrincipal = { readonly principalType: PluginSharePrincipalType; readonly principalId: string; readonly role: PluginSharePrincipalRole; readonly name: string }
export type PluginSharePrincipalRole = "reader" | "editor" | "owner"
export type PluginSharePrincipalType = "user" | "group" | "workspace"
export type PluginShareSaveParams = { readonly pluginPath: AbsolutePathBuf; readonly remotePluginId?: string | null | undefined; readonly discoverability?: PluginShareDiscoverability | null | undefined; readonly shareTargets?: ReadonlyArray<PluginShareTarget> | null | undefined }
export type PluginShareSaveResponse = { readonly remotePluginId: string; readonly shareUrl: string; readonly canPublishToWorkspace: boolean | null }
export type PluginShareTarget = { readonly principalType: PluginSharePrincipalType; readonly principalId: string; readonly role: PluginShareTargetRole }
export type PluginShareTargetRole = "reader" | "editor"
export type PluginShareUpdateDiscoverability = "UNLISTED" | "PRIVATE" | "LISTED"
export type PluginShareUpdateTargetsParams = { readonly remotePluginId: string; readonly discoverability: PluginShareUpdateDiscoverability; readonly shareTargets: ReadonlyArray<PluginShareTarget> }
export type PluginShareUpdateTargetsResponse = { readonly principals: ReadonlyArray<PluginSharePrincipal>; readonly discoverability: PluginShareDiscoverability }
export type PluginSkillReadParams = { readonly remoteMarketplaceName: string; readonly remotePluginId: string; readonly skillName: string }
export type PluginSkillReadResponse = { readonly contents: string | null }
export type PluginSource =
  | { readonly type: "local"; readonly path: AbsolutePathBuf }
  | { readonly type: "git"; readonly url: string; readonly path: string | null; readonly refName: string | null; readonly sha: string | null }
  | { readonly type: "npm"; readonly package: string; readonly version: string | null; readonly registry: string | null }
  | { readonly type: "remote" }
export type PluginSummary = { readonly id: string; readonly remotePluginId: string | null; readonly version: string | null; readonly localVersion: string | null; readonly name: string; readonly shareContext: PluginShareContext | null; readonly source: PluginSource; readonly installed: boolean; readonly installedAt: number | null; readonly enabled: boolean; readonly installPolicy: PluginInstallPolicy; readonly installPolicySource: PluginInstallPolicySource | null; readonly mustShowInstallationInterstitial: boolean | null; readonly authPolicy: PluginAuthPolicy; readonly availability: PluginAvailability; readonly disabledReason: PluginDisabledReason | null; readonly eligiblePlanTypes: ReadonlyArray<string> | null; readonly interface: PluginInterface | null; readonly keywords: ReadonlyArray<string> }
export type PluginUninstallParams = { readonly pluginId: string }
export type PluginUninstallResponse = Record<string, never>
export type PluginsMigration = { readonly marketplaceName: string; readonly pluginNames: ReadonlyArray<string> }
export type ProcessExitedNotification = { readonly processHandle: string; readonly exitCode: number; readonly outputDrainTimedOut?: boolean | null | undefined; readonly stdout: string; readonly stdoutCapReached: boolean; readonly stderr: string; readonly stderrCapReached: boolean }
export type ProcessKillParams = { readonly processHandle: string }
export type ProcessKillResponse = Record<string, never>
export type ProcessOutputDeltaNotification = { readonly processHandle: string; readonly stream: ProcessOutputStream; readonly deltaBase64: string; readonly capReached: boolean }
export type ProcessOutputStream = "stdout" | "stderr"
export type ProcessResizePtyParams = { readonly processHandle: string; readonly size: ProcessTerminalSize }
export type ProcessResizePtyResponse = Record<string, never>
export type ProcessSpawnParams = { readonly command: ReadonlyArray<string>; readonly processHandle: string; readonly cwd: AbsolutePathBuf; readonly tty?: boolean | undefined; readonly streamStdin?: boolean | undefined; readonly streamStdoutStderr?: boolean | undefined; readonly outputBytesCap?: number | null | undefined; readonly timeoutMs?: number | null | undefined; readonly env?: { readonly [key in string]?: string | null } | null | undefined; readonly size?: ProcessTerminalSize | null | undefined }
export type ProcessSpawnResponse = Record<string, never>
export type ProcessTerminalSize = { readonly rows: number; readonly cols: number }
export type ProcessWriteStdinParams = { readonly processHandle: string; readonly deltaBase64?: string | null | undefined; readonly closeStdin?: boolean | undefined }
export type ProcessWriteStdinResponse = Record<string, never>
export type Project = { readonly id: string; readonly name: string; readonly roots: ReadonlyArray<ProjectRoot>; readonly metadata: { readonly [key in string]?: string }; readonly position: number; readonly createdAt: number; readonly updatedAt: number; readonly recencyAt: number | null }
export type ProjectChangeType = "created" | "updated" | "deleted"
export type ProjectChangedNotification = { readonly projectId: string; readonly changeType: ProjectChangeType }
export type ProjectCreateParams = { readonly name: string; readonly roots: ReadonlyArray<ProjectRoot>; readonly metadata?: { readonly [key in string]?: string } | null | undefined; readonly idempotencyKey: string }
export type ProjectCreateResponse = { readonly project: Project }
export type ProjectDeleteParams = { readonly projectId: string }
export type ProjectDeleteResponse = Record<string, never>
export type ProjectImportParams = { readonly name: string; readonly roots: ReadonlyArray<ProjectRoot>; readonly metadata?: { readonly [key in string]?: string } | null | undefined; readonly threads?: ReadonlyArray<string> | null | undefined; readonly idempotencyKey: string }
export type ProjectImportResponse = { readonly project: Project }
export type ProjectListParams = { readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly sortKey?: ProjectSortKey | null | undefined; readonly sortDirection?: SortDirection | null | undefined }
export type ProjectListResponse = { readonly data: ReadonlyArray<Project>; readonly nextCursor: string | null }
export type ProjectMoveParams = { readonly projectId: string; readonly beforeProjectId?: string | null | undefined }
export type ProjectMoveResponse = Record<string, never>
export type ProjectReadParams = { readonly projectId: string }
export type ProjectReadResponse = { readonly project: Project }
export type ProjectRoot = { readonly path: AbsolutePathBuf }
export type ProjectSortKey = "position" | "recencyAt"
export type ProjectUpdateParams = { readonly projectId: string; readonly name?: string | null | undefined; readonly roots?: ReadonlyArray<ProjectRoot> | null | undefined; readonly metadata?: { readonly [key in string]?: string } | null | undefined }
export type ProjectUpdateResponse = { readonly project: Project }
export type ProviderSettings =
  | { readonly type: "openai" }
  | { readonly type: "customGateway"; readonly auth: GatewayAuth }
  | { readonly type: "bedrock"; readonly profile: string | null; readonly region: string | null }
  | { readonly type: "gcp"; readonly projectId: string | null; readonly location: string | null; readonly credentialFile: string | null }
export type ProviderSettingsPatch =
  | { readonly type: "customGateway" } & CustomGatewaySettingsParams
  | { readonly type: "bedrock" } & BedrockSettingsParams
  | { readonly type: "gcp" } & GcpSettingsParams
export type QueuedSubmission = { readonly id: string; readonly input: ReadonlyArray<UserInput>; readonly clientUserMessageId: string; readonly responsesapiClientMetadata: { readonly [key in string]?: string } | null }
export type RateLimitReachedType =
  | "rate_limit_reached"
  | "workspace_owner_credits_depleted"
  | "workspace_member_credits_depleted"
  | "workspace_owner_usage_limit_reached"
  | "workspace_member_usage_limit_reached"
export type RateLimitResetCredit = { readonly id: string; readonly resetType: RateLimitResetType; readonly status: RateLimitResetCreditStatus; readonly grantedAt: number; readonly expiresAt: number | null; readonly title: string | null; readonly description: string | null }
export type RateLimitResetCreditStatus = "available" | "redeeming" | "redeemed" | "unknown"
export type RateLimitResetCreditsSummary = { readonly availableCount: number; readonly credits: ReadonlyArray<RateLimitResetCredit> | null }
export type RateLimitResetType = "codexRateLimits" | "unknown"
export type RateLimitSnapshot = { readonly limitId: string | null; readonly limitName: string | null; readonly normalModelSlug: string | null; readonly primary: RateLimitWindow | null; readonly secondary: RateLimitWindow | null; readonly credits: CreditsSnapshot | null; readonly individualLimit: SpendControlLimitSnapshot | null; readonly spendControlReached: boolean | null; readonly planType: PlanType | null; readonly rateLimitReachedType: RateLimitReachedType | null }
export type RateLimitWindow = { readonly usedPercent: number; readonly windowDurationMins: number | null; readonly resetsAt: number | null }
export type RawResponseCompletedNotification = { readonly threadId: string; readonly turnId: string; readonly responseId: string; readonly usage: TokenUsageBreakdown | null; readonly usageMetadata: ResponseUsageMetadata | null }
export type RawResponseItemCompletedNotification = { readonly threadId: string; readonly turnId: string; readonly item: ResponseItem }
export type RealtimeConversationVersion = "v1" | "v2" | "v3"
export type RealtimeOutputModality = "text" | "audio"
export type RealtimeVoice =
  | "alloy"
  | "arbor"
  | "ash"
  | "aube"
  | "ballad"
  | "breeze"
  | "bubbie"
  | "cedar"
  | "coral"
  | "cove"
  | "echo"
  | "ember"
  | "haetsal"
  | "hanul"
  | "himari"
  | "juniper"
  | "leher"
  | "maple"
  | "marin"
  | "miko"
  | "neer"
  | "porto"
  | "rindo"
  | "rio"
  | "rivage"
  | "sage"
  | "selva"
  | "shimmer"
  | "sol"
  | "sonna"
  | "spruce"
  | "tinta"
  | "vale"
  | "verse"
  | "viola"
export type RealtimeVoicesList = { readonly v1: ReadonlyArray<RealtimeVoice>; readonly v2: ReadonlyArray<RealtimeVoice>; readonly v3?: ReadonlyArray<RealtimeVoice> | undefined; readonly defaultV1: RealtimeVoice; readonly defaultV2: RealtimeVoice }
export type ReasoningEffort = string
export type ReasoningEffortOption = { readonly reasoningEffort: ReasoningEffort; readonly description: string }
export type ReasoningItemContent =
  | { readonly type: "reasoning_text"; readonly text: string }
  | { readonly type: "text"; readonly text: string }
export type ReasoningItemReasoningSummary = { readonly type: "summary_text"; readonly text: string }
export type ReasoningSummary = "auto" | "concise" | "detailed" | "none"
export type ReasoningSummaryPartAddedNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly summaryIndex: number }
export type ReasoningSummaryTextDeltaNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly delta: string; readonly summaryIndex: number }
export type ReasoningTextDeltaNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly delta: string; readonly contentIndex: number }
export type RemoteControlClient = { readonly clientId: string; readonly displayName: string | null; readonly deviceType: string | null; readonly platform: string | null; readonly osVersion: string | null; readonly deviceModel: string | null; readonly appVersion: string | null; readonly lastSeenAt: number | null }
export type RemoteControlClientsListOrder = "asc" | "desc"
export type RemoteControlClientsListParams = { readonly environmentId: string; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly order?: RemoteControlClientsListOrder | null | undefined }
export type RemoteControlClientsListResponse = { readonly data: ReadonlyArray<RemoteControlClient>; readonly nextCursor: string | null }
export type RemoteControlClientsRevokeParams = { readonly environmentId: string; readonly clientId: string }
export type RemoteControlClientsRevokeResponse = Record<string, never>
export type RemoteControlConnectionStatus = "disabled" | "connecting" | "connected" | "errored"
export type RemoteControlDisableParams = { readonly ephemeral?: boolean | undefined }
export type RemoteControlDisableResponse = { readonly status: RemoteControlConnectionStatus; readonly serverName: string; readonly installationId: string; readonly environmentId: string | null }
export type RemoteControlEnableParams = { readonly ephemeral?: boolean | undefined }
export type RemoteControlEnableResponse = { readonly status: RemoteControlConnectionStatus; readonly serverName: string; readonly installationId: string; readonly environmentId: string | null }
export type RemoteControlPairingStartParams = { readonly manualCode?: boolean | undefined }
export type RemoteControlPairingStartResponse = { readonly pairingCode: string; readonly manualPairingCode: string | null; readonly environmentId: string; readonly expiresAt: number }
export type RemoteControlPairingStatusParams = { readonly pairingCode?: string | null | undefined; readonly manualPairingCode?: string | null | undefined }
export type RemoteControlPairingStatusResponse = { readonly claimed: boolean }
export type RemoteControlStatusChangedNotification = { readonly status: RemoteControlConnectionStatus; readonly serverName: string; readonly installationId: string; readonly environmentId: string | null }
export type RemoteControlStatusReadResponse = { readonly status: RemoteControlConnectionStatus; readonly serverName: string; readonly installationId: string; readonly environmentId: string | null }
export type RequestHeader = { readonly name: string; readonly value: string }
export type RequestId = string | number
export type RequestPermissionProfile = { readonly network: AdditionalNetworkPermissions | null; readonly fileSystem: AdditionalFileSystemPermissions | null }
export type ResidencyRequirement = "us"
export type Resource = { readonly annotations?: JsonValue | undefined; readonly description?: string | undefined; readonly mimeType?: string | undefined; readonly name: string; readonly size?: number | undefined; readonly title?: string | undefined; readonly uri: string; readonly icons?: ReadonlyArray<JsonValue> | undefined; readonly _meta?: JsonValue | undefined }
export type ResourceContent =
  | { readonly uri: string; readonly mimeType?: string | undefined; readonly text: string; readonly _meta?: JsonValue | undefined }
  | { readonly uri: string; readonly mimeType?: string | undefined; readonly blob: string; readonly _meta?: JsonValue | undefined }
export type ResourceTemplate = { readonly annotations?: JsonValue | undefined; readonly uriTemplate: string; readonly name: string; readonly title?: string | undefined; readonly description?: string | undefined; readonly mimeType?: string | undefined }
export type ResponseItem =
  | { readonly type: "additional_tools"; readonly id?: ResponseItemId | undefined; readonly role: string; readonly tools: ReadonlyArray<unknown> }
  | { readonly type: "message"; readonly encrypted_content?: string | undefined; readonly status?: string | undefined; readonly id?: ResponseItemId | undefined; readonly role: string; readonly content: ReadonlyArray<ContentItem>; readonly phase?: MessagePhase | undefined; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "agent_message"; readonly id?: ResponseItemId | undefined; readonly author: string; readonly recipient: string; readonly content: ReadonlyArray<AgentMessageInputContent>; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "reasoning"; readonly id?: ResponseItemId | undefined; readonly summary: ReadonlyArray<ReasoningItemReasoningSummary>; readonly content?: ReadonlyArray<ReasoningItemContent> | undefined; readonly encrypted_content: string | null; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "local_shell_call"; readonly encrypted_content?: string | undefined; readonly id?: ResponseItemId | undefined; readonly call_id: string | null; readonly status: LocalShellStatus; readonly action: LocalShellAction; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "function_call"; readonly encrypted_content?: string | undefined; readonly status?: string | undefined; readonly id?: ResponseItemId | undefined; readonly name: string; readonly namespace?: string | undefined; readonly arguments: string; readonly encrypted_function_args?: ReadonlyArray<string> | undefined; readonly call_id: string; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "tool_search_call"; readonly encrypted_content?: string | undefined; readonly id?: ResponseItemId | undefined; readonly call_id: string | null; readonly status?: string | undefined; readonly execution: string; readonly arguments: unknown; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "function_call_output"; readonly id?: ResponseItemId | undefined; readonly call_id?: string | undefined; readonly name?: string | undefined; readonly namespace?: string | undefined; readonly output: FunctionCallOutputBody; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "custom_tool_call"; readonly encrypted_content?: string | undefined; readonly id?: ResponseItemId | undefined; readonly status?: string | undefined; readonly call_id: string; readonly name: string; readonly namespace?: string | undefined; readonly input: string; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "custom_tool_call_output"; readonly id?: ResponseItemId | undefined; readonly call_id: string; readonly name?: string | undefined; readonly output: FunctionCallOutputBody; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "tool_search_output"; readonly id?: ResponseItemId | undefined; readonly call_id: string | null; readonly status: string; readonly execution: string; readonly tools: ReadonlyArray<unknown>; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "web_search_call"; readonly encrypted_content?: string | undefined; readonly id?: ResponseItemId | undefined; readonly status?: string | undefined; readonly action?: CoreWebSearchAction | undefined; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "image_generation_call"; readonly encrypted_content?: string | undefined; readonly id?: ResponseItemId | undefined; readonly status: string; readonly revised_prompt?: string | undefined; readonly result: string; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "compaction"; readonly id?: ResponseItemId | undefined; readonly encrypted_content: string; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "configuration_update"; readonly reasoning: ConfigurationReasoning }
  | { readonly type: "compaction_trigger" }
  | { readonly type: "context_compaction"; readonly id?: ResponseItemId | undefined; readonly encrypted_content?: string | undefined; readonly internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough | undefined }
  | { readonly type: "other" }
export type ResponseItemId = string
export type ResponseUsageMetadata = { readonly amount: string | null; readonly metadata: JsonValue | null }
export type ReviewDecision =
  | "approved"
  | { readonly approved_execpolicy_amendment: { readonly proposed_execpolicy_amendment: CoreExecPolicyAmendment } }
  | "approved_for_session"
  | "approved_mcp_policy_amendment"
  | { readonly network_policy_amendment: { readonly network_policy_amendment: CoreNetworkPolicyAmendment } }
  | { readonly denied: { readonly rejection: string } }
  | "timed_out"
  | "abort"
export type ReviewDelivery = "inline"
export type ReviewStartParams = { readonly threadId: string; readonly target: ReviewTarget; readonly delivery?: ReviewDelivery | null | undefined }
export type ReviewStartResponse = { readonly turn: Turn; readonly reviewThreadId: string }
export type ReviewTarget =
  | { readonly type: "uncommittedChanges" }
  | { readonly type: "baseBranch"; readonly branch: string }
  | { readonly type: "commit"; readonly sha: string; readonly title: string | null }
  | { readonly type: "custom"; readonly instructions: string }
export type RolloutCompressResponse = Record<string, never>
export type SandboxMode = "read-only" | "workspace-write" | "danger-full-access"
export type SandboxPolicy =
  | { readonly type: "dangerFullAccess" }
  | { readonly type: "readOnly"; readonly networkAccess: boolean }
  | { readonly type: "externalSandbox"; readonly networkAccess: NetworkAccess }
  | { readonly type: "workspaceWrite"; readonly writableRoots: ReadonlyArray<AbsolutePathBuf>; readonly networkAccess: boolean; readonly excludeTmpdirEnvVar: boolean; readonly excludeSlashTmp: boolean }
export type SandboxWorkspaceWrite = { readonly writable_roots: ReadonlyArray<string>; readonly network_access: boolean; readonly exclude_tmpdir_env_var: boolean; readonly exclude_slash_tmp: boolean }
export type ScheduledTaskSchedule =
  | { readonly type: "hourly"; readonly intervalHours: number; readonly days: ReadonlyArray<ScheduledTaskWeekday> | null }
  | { readonly type: "daily"; readonly time: string }
  | { readonly type: "weekdays"; readonly time: string }
  | { readonly type: "weekly"; readonly days: ReadonlyArray<ScheduledTaskWeekday>; readonly time: string }
export type ScheduledTaskSummary = { readonly key: string; readonly name: string; readonly prompt: string; readonly schedule: ScheduledTaskSchedule }
export type ScheduledTaskWeekday = "MO" | "TU" | "WE" | "TH" | "FR" | "SA" | "SU"
export type SelectedCapabilityRoot = { readonly id: string; readonly location: CapabilityRootLocation }
export type SendAddCreditsNudgeEmailParams = { readonly creditType: AddCreditsNudgeCreditType }
export type SendAddCreditsNudgeEmailResponse = { readonly status: AddCreditsNudgeEmailStatus }
export type ServerDiagnosticsGauge = { readonly name: string; readonly value: number }
export type ServerDiagnosticsParams = Record<string, never>
export type ServerDiagnosticsProcess = { readonly id: number; readonly residentMemoryBytes: number | null; readonly physicalFootprintBytes: number | null }
export type ServerDiagnosticsResponse = { readonly process: ServerDiagnosticsProcess; readonly gauges: ReadonlyArray<ServerDiagnosticsGauge> }
export type ServerRequestResolvedNotification = { readonly threadId: string; readonly requestId: RequestId }
export type SessionMigration = { readonly path: string; readonly cwd: string; readonly title: string | null }
export type SessionSource =
  | "cli"
  | "vscode"
  | "exec"
  | "appServer"
  | { readonly custom: string }
  | { readonly subAgent: SubAgentSource }
  | "unknown"
export type Settings = { readonly model: string; readonly reasoning_effort: ReasoningEffort | null; readonly developer_instructions: string | null }
export type SkillDependencies = { readonly tools: ReadonlyArray<SkillToolDependency> }
export type SkillErrorInfo = { readonly path: string; readonly message: string }
export type SkillInterface = { readonly displayName?: string | undefined; readonly shortDescription?: string | undefined; readonly iconSmall?: AbsolutePathBuf | undefined; readonly iconLarge?: AbsolutePathBuf | undefined; readonly iconSmallUrl: string | null; readonly iconLargeUrl: string | null; readonly brandColor?: string | undefined; readonly defaultPrompt?: string | undefined }
export type SkillMetadata = { readonly name: string; readonly description: string; readonly shortDescription?: string | undefined; readonly interface?: SkillInterface | undefined; readonly dependencies?: SkillDependencies | undefined; readonly path: LegacyAppPathString; readonly scope: SkillScope; readonly enabled: boolean; readonly pluginId: string | null }
export type SkillMigration = { readonly name: string }
export type SkillScope = "user" | "repo" | "system" | "admin"
export type SkillSummary = { readonly name: string; readonly description: string; readonly shortDescription: string | null; readonly interface: SkillInterface | null; readonly path: LegacyAppPathString | null; readonly enabled: boolean }
export type SkillToolDependency = { readonly type: string; readonly value: string; readonly description?: string | undefined; readonly transport?: string | undefined; readonly command?: string | undefined; readonly url?: string | undefined }
export type SkillsChangedNotification = Record<string, never>
export type SkillsConfigWriteParams = { readonly path?: AbsolutePathBuf | null | undefined; readonly name?: string | null | undefined; readonly enabled: boolean }
export type SkillsConfigWriteResponse = { readonly effectiveEnabled: boolean }
export type SkillsExtraRootsSetParams = { readonly extraRoots: ReadonlyArray<AbsolutePathBuf> }
export type SkillsExtraRootsSetResponse = Record<string, never>
export type SkillsListEntry = { readonly cwd: string; readonly skills: ReadonlyArray<SkillMetadata>; readonly errors: ReadonlyArray<SkillErrorInfo> }
export type SkillsListParams = { readonly cwds?: ReadonlyArray<string> | undefined; readonly forceReload?: boolean | undefined }
export type SkillsListResponse = { readonly data: ReadonlyArray<SkillsListEntry> }
export type SleepItem = { readonly id: string; readonly durationMs: number }
export type SortDirection = "asc" | "desc"
export type SpendControlLimitSnapshot = { readonly limit: string; readonly used: string; readonly remainingPercent: number; readonly resetsAt: number }
export type StrictReviewRequiredNotification = { readonly threadId: string; readonly turnId: string; readonly startedAtMs: number }
export type SubAgentActivityKind = "started" | "interacted" | "interrupted" | "completed"
export type SubAgentSource =
  | "review"
  | "compact"
  | { readonly thread_spawn: { readonly parent_thread_id: ThreadId; readonly depth: number; readonly agent_path: AgentPath | null; readonly agent_nickname: string | null; readonly agent_role: string | null } }
  | "memory_consolidation"
  | { readonly other: string }
export type SubagentMigration = { readonly name: string }
export type TerminalInteractionNotification = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly processId: string; readonly stdin: string }
export type TextElement = { readonly byteRange: ByteRange; readonly placeholder: string | null }
export type TextPosition = { readonly line: number; readonly column: number }
export type TextRange = { readonly start: TextPosition; readonly end: TextPosition }
export type Thread = { readonly id: string; readonly environments: ReadonlyArray<ThreadEnvironment> | null; readonly extra: ThreadExtra | null; readonly sessionId: string; readonly forkedFromId: string | null; readonly attachedToThreadId: string | null; readonly parentThreadId: string | null; readonly preview: string; readonly ephemeral: boolean; readonly section: ThreadSection | null; readonly sectionEnteredAt: number | null; readonly projectId: string | null; readonly historyMode: ThreadHistoryMode; readonly modelProvider: string; readonly model: string | null; readonly reasoningEffort: ReasoningEffort | null; readonly createdAt: number; readonly updatedAt: number; readonly recencyAt: number | null; readonly status: ThreadStatus; readonly path: string | null; readonly cwd: AbsolutePathBuf; readonly cliVersion: string; readonly originator: string | null; readonly source: SessionSource; readonly canAcceptDirectInput: boolean | null; readonly threadSource: ThreadSource | null; readonly agentNickname: string | null; readonly agentRole: string | null; readonly gitInfo: GitInfo | null; readonly name: string | null; readonly daybreakEnabled: boolean | null; readonly turns: ReadonlyArray<Turn> }
export type ThreadActiveFlag = "waitingOnApproval" | "waitingOnUserInput"
export type ThreadApproveGuardianDeniedActionParams = { readonly threadId: string; readonly event: JsonValue }
export type ThreadApproveGuardianDeniedActionResponse = Record<string, never>
export type ThreadArchiveParams = { readonly threadId: string }
export type ThreadArchiveResponse = Record<string, never>
export type ThreadArchivedNotification = { readonly threadId: string }
export type ThreadAttachment = { readonly id: string; readonly attachmentType: string; readonly identityKey: string; readonly payload: JsonValue; readonly createdAt: number }
export type ThreadAttachmentAddOutcome = "created" | "existing"
export type ThreadAttachmentAddParams = { readonly threadId: string; readonly attachmentType: string; readonly identityKey: string; readonly payload: JsonValue }
export type ThreadAttachmentAddResponse = { readonly outcome: ThreadAttachmentAddOutcome; readonly attachment: ThreadAttachment }
export type ThreadAttachmentListParams = { readonly threadId: string; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined }
export type ThreadAttachmentListResponse = { readonly data: ReadonlyArray<ThreadAttachment>; readonly nextCursor: string | null }
export type ThreadAttachmentOperation = "created" | "deleted"
export type ThreadAttachmentOwner = { readonly threadId: string; readonly archived: boolean }
export type ThreadAttachmentOwnerListParams = { readonly attachmentType: string; readonly identityKey: string; readonly archived?: boolean | null | undefined; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined }
export type ThreadAttachmentOwnerListResponse = { readonly data: ReadonlyArray<ThreadAttachmentOwner>; readonly nextCursor: string | null }
export type ThreadAttachmentRemoveParams = { readonly threadId: string; readonly attachmentType: string; readonly identityKey: string }
export type ThreadAttachmentRemoveResponse = Record<string, never>
export type ThreadAttachmentUpdatedNotification = { readonly threadId: string; readonly attachmentType: string; readonly identityKey: string; readonly attachmentId: string; readonly operation: ThreadAttachmentOperation }
export type ThreadBackgroundTerminal = { readonly itemId: string; readonly processId: string; readonly command: string; readonly cwd: LegacyAppPathString; readonly osPid: number | null; readonly cpuPercent: number | null; readonly rssKb: number | null }
export type ThreadBackgroundTerminalsCleanParams = { readonly threadId: string }
export type ThreadBackgroundTerminalsCleanResponse = Record<string, never>
export type ThreadBackgroundTerminalsListParams = { readonly threadId: string; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined }
export type ThreadBackgroundTerminalsListResponse = { readonly data: ReadonlyArray<ThreadBackgroundTerminal>; readonly nextCursor: string | null }
export type ThreadBackgroundTerminalsTerminateParams = { readonly threadId: string; readonly processId: string }
export type ThreadBackgroundTerminalsTerminateResponse = { readonly terminated: boolean }
export type ThreadClosedNotification = { readonly threadId: string }
export type ThreadCompactStartParams = { readonly threadId: string }
export type ThreadCompactStartResponse = Record<string, never>
export type ThreadDecrementElicitationParams = { readonly threadId: string }
export type ThreadDecrementElicitationResponse = { readonly count: number; readonly paused: boolean }
export type ThreadDeleteParams = { readonly threadId: string }
export type ThreadDeleteResponse = Record<string, never>
export type ThreadDeletedNotification = { readonly threadId: string }
export type ThreadEnvironment = { readonly environmentId: string; readonly cwd: LegacyAppPathString; readonly runtimeWorkspaceRoots: ReadonlyArray<LegacyAppPathString> }
export type ThreadExtra = Record<string, never>
export type ThreadForkParams = { readonly threadId: string; readonly experimentalPredictionMode?: boolean | undefined; readonly experimentalDisablePredictionMcp?: boolean | undefined; readonly lastTurnId?: string | null | undefined; readonly beforeTurnId?: string | null | undefined; readonly path?: string | null | undefined; readonly model?: string | null | undefined; readonly modelProvider?: string | null | undefined; readonly serviceTier?: string | null | undefined; readonly cwd?: string | null | undefined; readonly runtimeWorkspaceRoots?: ReadonlyArray<AbsolutePathBuf> | null | undefined; readonly approvalPolicy?: AskForApproval | null | undefined; readonly approvalsReviewer?: ApprovalsReviewer | null | undefined; readonly sandbox?: SandboxMode | null | undefined; readonly permissions?: string | null | undefined; readonly config?: { readonly [key in string]?: JsonValue } | null | undefined; readonly baseInstructions?: string | null | undefined; readonly developerInstructions?: string | null | undefined; readonly ephemeral?: boolean | undefined; readonly attachToSource?: boolean | undefined; readonly threadSource?: ThreadSource | null | undefined; readonly excludeTurns?: boolean | undefined; readonly deferGoalContinuation?: boolean | undefined }
export type ThreadForkResponse = { readonly thread: Thread; readonly model: string; readonly modelProvider: string; readonly serviceTier: string | null; readonly disabledPluginIds: ReadonlyArray<string>; readonly cwd: AbsolutePathBuf; readonly runtimeWorkspaceRoots: ReadonlyArray<AbsolutePathBuf>; readonly instructionSources: ReadonlyArray<LegacyAppPathString>; readonly approvalPolicy: AskForApproval; readonly approvalsReviewer: ApprovalsReviewer; readonly sandbox: SandboxPolicy; readonly activePermissionProfile: ActivePermissionProfile | null; readonly reasoningEffort: ReasoningEffort | null; readonly multiAgentMode: MultiAgentMode }
export type ThreadGoal = { readonly threadId: string; readonly objective: string; readonly status: ThreadGoalStatus; readonly tokenBudget: number | null; readonly tokensUsed: number; readonly timeUsedSeconds: number; readonly createdAt: number; readonly updatedAt: number }
export type ThreadGoalClearParams = { readonly threadId: string; readonly origin?: ThreadGoalMutationOrigin | null | undefined }
export type ThreadGoalClearResponse = { readonly cleared: boolean }
export type ThreadGoalClearedNotification = { readonly threadId: string }
export type ThreadGoalGetParams = { readonly threadId: string }
export type ThreadGoalGetResponse = { readonly goal: ThreadGoal | null }
export type ThreadGoalMutationOrigin = "user" | "automatic"
export type ThreadGoalSetParams = { readonly threadId: string; readonly origin?: ThreadGoalMutationOrigin | null | undefined; readonly objective?: string | null | undefined; readonly status?: ThreadGoalStatus | null | undefined; readonly tokenBudget?: number | null | undefined }
export type ThreadGoalSetResponse = { readonly goal: ThreadGoal }
export type ThreadGoalStatus = "active" | "paused" | "blocked" | "usageLimited" | "budgetLimited" | "complete"
export type ThreadGoalUpdatedNotification = { readonly threadId: string; readonly turnId: string | null; readonly goal: ThreadGoal }
export type ThreadGuardianAssessment = { readonly outcome: GuardianAssessmentOutcome; readonly riskLevel: GuardianRiskLevel; readonly userAuthorization: GuardianUserAuthorization; readonly rationale: string }
export type ThreadGuardianReviewParams = { readonly threadId: string }
export type ThreadGuardianReviewResponse = { readonly callId: string; readonly assessment: ThreadGuardianAssessment | null }
export type ThreadHistoryMode = "legacy" | "paginated"
export type ThreadId = string
export type ThreadIncrementElicitationParams = { readonly threadId: string }
export type ThreadIncrementElicitationResponse = { readonly count: number; readonly paused: boolean }
export type ThreadInjectItemsParams = { readonly threadId: string; readonly items: ReadonlyArray<JsonValue> }
export type ThreadInjectItemsResponse = Record<string, never>
export type ThreadItem = { readonly startedAtMs?: number | null | undefined; readonly completedAtMs?: number | null | undefined } & ({ readonly type: "userMessage"; readonly id: string; readonly clientId: string | null; readonly content: ReadonlyArray<UserInput> } | { readonly type: "hookPrompt"; readonly id: string; readonly fragments: ReadonlyArray<HookPromptFragment> } | { readonly type: "agentMessage"; readonly moderation: AgentMessageModeration | null; readonly id: string; readonly text: string; readonly phase: MessagePhase | null; readonly memoryCitation: MemoryCitation | null; readonly delivery: AgentMessageDelivery | null; readonly questions: ReadonlyArray<AsyncUserInputQuestion> | null } | { readonly type: "functionCallOutput"; readonly id: string; readonly name: string; readonly namespace: string | null; readonly output: FunctionCallOutputBody } | { readonly type: "plan"; readonly id: string; readonly text: string } | { readonly type: "reasoning"; readonly id: string; readonly summary: ReadonlyArray<string>; readonly content: ReadonlyArray<string> } | { readonly type: "commandExecution"; readonly id: string; readonly pluginId: string | null; readonly scriptPath: string | null; readonly command: string; readonly cwd: LegacyAppPathString; readonly processId: string | null; readonly source: CommandExecutionSource; readonly status: CommandExecutionStatus; readonly commandActions: ReadonlyArray<CommandAction>; readonly aggregatedOutput: string | null; readonly exitCode: number | null; readonly durationMs: number | null } | { readonly type: "fileChange"; readonly id: string; readonly changes: ReadonlyArray<FileUpdateChange>; readonly status: PatchApplyStatus } | { readonly type: "mcpToolCall"; readonly id: string; readonly server: string; readonly tool: string; readonly status: McpToolCallStatus; readonly arguments: JsonValue; readonly appContext: McpToolCallAppContext | null; readonly mcpAppResourceUri?: string | undefined; readonly mcpAppUi: McpAppUi | null; readonly pluginId: string | null; readonly readOnlyHint: boolean | null; readonly result: McpToolCallResult | null; readonly error: McpToolCallError | null; readonly durationMs: number | null } | { readonly type: "dynamicToolCall"; readonly id: string; readonly namespace: string | null; readonly tool: string; readonly arguments: JsonValue; readonly status: DynamicToolCallStatus; readonly contentItems: ReadonlyArray<DynamicToolCallOutputContentItem> | null; readonly success: boolean | null; readonly durationMs: number | null } | { readonly type: "collabAgentToolCall"; readonly id: string; readonly tool: CollabAgentTool; readonly status: CollabAgentToolCallStatus; readonly senderThreadId: string; readonly receiverThreadIds: ReadonlyArray<string>; readonly prompt: string | null; readonly model: string | null; readonly reasoningEffort: ReasoningEffort | null; readonly agentsStates: { readonly [key in string]?: CollabAgentState } } | { readonly type: "subAgentActivity"; readonly model: string | null; readonly reasoningEffort: ReasoningEffort | null; readonly id: string; readonly kind: SubAgentActivityKind; readonly agentThreadId: string; readonly agentPath: string } | ({ readonly type: "webSearch" } & WebSearchItem) | { readonly type: "imageView"; readonly id: string; readonly path: LegacyAppPathString } | ({ readonly type: "sleep" } & SleepItem) | ({ readonly type: "imageGeneration" } & ImageGenerationItem) | { readonly type: "enteredReviewMode"; readonly id: string; readonly review: string } | { readonly type: "exitedReviewMode"; readonly id: string; readonly review: string } | { readonly type: "contextCompaction"; readonly id: string })
export type ThreadItemEntry = { readonly turnId: string; readonly item: ThreadItem; readonly outputDeferred?: boolean | undefined; readonly startedAtMs: number | null; readonly completedAtMs: number | null }
export type ThreadItemOutputDeferral = { readonly commandExecution?: boolean | undefined; readonly mcpToolCall?: boolean | undefined }
export type ThreadItemsListAnchor = { readonly type: "item"; readonly itemId: string }
export type ThreadItemsListCursor = string | ThreadItemsListAnchor
export type ThreadItemsListParams = { readonly threadId: string; readonly turnId?: string | null | undefined; readonly cursor?: ThreadItemsListCursor | null | undefined; readonly limit?: number | null | undefined; readonly sortDirection?: SortDirection | null | undefined; readonly deferOutput?: ThreadItemOutputDeferral | null | undefined }
export type ThreadItemsListResponse = { readonly data: ReadonlyArray<ThreadItemEntry>; readonly nextCursor: string | null; readonly backwardsCursor: string | null }
export type ThreadItemsReadParams = { readonly threadId: string; readonly turnId: string; readonly itemIds: ReadonlyArray<string> }
export type ThreadItemsReadResponse = { readonly data: ReadonlyArray<ThreadItemEntry> }
export type ThreadListParams = { readonly includeAttachedThreads?: boolean | undefined; readonly currentAccountOnly?: boolean | undefined; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly excludedThreadIds?: ReadonlyArray<string> | null | undefined; readonly sortKey?: ThreadSortKey | null | undefined; readonly sortDirection?: SortDirection | null | undefined; readonly modelProviders?: ReadonlyArray<string> | null | undefined; readonly sourceKinds?: ReadonlyArray<ThreadSourceKind> | null | undefined; readonly originators?: ReadonlyArray<string> | null | undefined; readonly archived?: boolean | null | undefined; readonly sectionId?: string | null | undefined; readonly projectId?: string | null | undefined; readonly cwd?: string | ReadonlyArray<string> | null | undefined; readonly useStateDbOnly?: boolean | undefined; readonly searchTerm?: string | null | undefined; readonly parentThreadId?: string | null | undefined; readonly ancestorThreadId?: string | null | undefined; readonly attachedToThreadId?: string | null | undefined }
export type ThreadListResponse = { readonly data: ReadonlyArray<Thread>; readonly readStates: { readonly [key in string]?: ThreadReadState } | null; readonly nextCursor: string | null; readonly backwardsCursor: string | null }
export type ThreadLoadedListParams = { readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined }
export type ThreadLoadedListResponse = { readonly data: ReadonlyArray<string>; readonly nextCursor: string | null }
export type ThreadMemoryMode = "enabled" | "disabled"
export type ThreadMemoryModeSetParams = { readonly threadId: string; readonly mode: ThreadMemoryMode }
export type ThreadMemoryModeSetResponse = Record<string, never>
export type ThreadMemoryReadParams = { readonly threadId: string }
export type ThreadMemoryReadResponse = { readonly summary: string | null }
export type ThreadMetadataGitInfoUpdateParams = { readonly sha?: string | null | undefined; readonly branch?: string | null | undefined; readonly originUrl?: string | null | undefined }
export type ThreadMetadataUpdateParams = { readonly threadId: string; readonly projectId?: string | null | undefined; readonly gitInfo?: ThreadMetadataGitInfoUpdateParams | null | undefined; readonly daybreakEnabled?: boolean | null | undefined }
export type ThreadMetadataUpdateResponse = { readonly thread: Thread }
export type ThreadNameUpdatedNotification = { readonly threadId: string; readonly threadName?: string | undefined }
export type ThreadPredictionRequestParams = { readonly threadId: string; readonly sourceTurnId: string }
export type ThreadPredictionRequestResponse = Record<string, never>
export type ThreadPredictionResult = { readonly type: "completed"; readonly text: string | null } | { readonly type: "failed" }
export type ThreadPredictionUpdatedNotification = { readonly threadId: string; readonly sourceTurnId: string; readonly result: ThreadPredictionResult }
export type ThreadPrepareApprovedPlanParams = { readonly threadId: string; readonly markdown: string; readonly attachmentPath?: string | null | undefined }
export type ThreadPrepareApprovedPlanResponse = { readonly prompt: string }
export type ThreadProjectUpdatedNotification = { readonly threadId: string; readonly projectId: string | null }
export type ThreadQueueAddParams = { readonly threadId: string; readonly input: ReadonlyArray<UserInput>; readonly clientUserMessageId: string; readonly responsesapiClientMetadata?: { readonly [key in string]?: string } | null | undefined }
export type ThreadQueueAddResponse = { readonly queuedSubmission: QueuedSubmission }
export type ThreadQueueChangedNotification = { readonly threadId: string }
export type ThreadQueueDeleteParams = { readonly threadId: string; readonly queuedSubmissionId: string }
export type ThreadQueueDeleteResponse = { readonly deleted: boolean }
export type ThreadQueueListParams = { readonly threadId: string; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined }
export type ThreadQueueListResponse = { readonly data: ReadonlyArray<QueuedSubmission>; readonly nextCursor: string | null }
export type ThreadQueueReorderParams = { readonly threadId: string; readonly queuedSubmissionIds: ReadonlyArray<string> }
export type ThreadQueueReorderResponse = Record<string, never>
export type ThreadQueueStartParams = { readonly threadId: string; readonly queuedSubmissionId?: string | null | undefined }
export type ThreadQueueStartResponse = { readonly turn: Turn }
export type ThreadQueueUpdateParams = { readonly threadId: string; readonly queuedSubmissionId: string; readonly input: ReadonlyArray<UserInput>; readonly responsesapiClientMetadata?: { readonly [key in string]?: string } | null | undefined }
export type ThreadQueueUpdateResponse = { readonly queuedSubmission: QueuedSubmission }
export type ThreadReadParams = { readonly threadId: string; readonly includeTurns?: boolean | undefined }
export type ThreadReadResponse = { readonly thread: Thread; readonly readState: ThreadReadState | null }
export type ThreadReadState = { readonly firstUnread: ThreadUnreadPosition | null; readonly revision: string }
export type ThreadReadStateChangedNotification = { readonly threadId: string; readonly readState: ThreadReadState }
export type ThreadReadStateOperation = { readonly type: "read" } | { readonly type: "unread" }
export type ThreadReadStateUpdateParams = { readonly threadId: string; readonly operation: ThreadReadStateOperation; readonly expectedRevision: string }
export type ThreadReadStateUpdateResponse = { readonly readState: ThreadReadState }
export type ThreadRealtimeAppendAudioParams = { readonly threadId: string; readonly audio: ThreadRealtimeAudioChunk }
export type ThreadRealtimeAppendAudioResponse = Record<string, never>
export type ThreadRealtimeAppendSpeechParams = { readonly threadId: string; readonly text: string }
export type ThreadRealtimeAppendSpeechResponse = Record<string, never>
export type ThreadRealtimeAppendTextParams = { readonly threadId: string; readonly text: string; readonly role: ConversationTextRole }
export type ThreadRealtimeAppendTextResponse = Record<string, never>
export type ThreadRealtimeAudioChunk = { readonly data: string; readonly sampleRate: number; readonly numChannels: number; readonly samplesPerChannel: number | null; readonly itemId: string | null }
export type ThreadRealtimeBemItemPresentation =
  | { readonly type: "wholeItem" }
  | { readonly type: "inlineMarkdown" }
  | { readonly type: "inlineVisualization"; readonly index: number }
export type ThreadRealtimeClosedNotification = { readonly threadId: string; readonly reason: string | null }
export type ThreadRealtimeErrorNotification = { readonly threadId: string; readonly message: string }
export type ThreadRealtimeInitialItem = { readonly role: ConversationTextRole; readonly text: string }
export type ThreadRealtimeItem = { readonly id: string; readonly realtimeSessionId: string } & ({ readonly type: "realtimeSessionStarted" } | { readonly type: "transcriptSegment"; readonly role: ThreadRealtimeTranscriptRole; readonly text: string } | { readonly type: "bemItemPromoted"; readonly turnId: string; readonly itemId: string; readonly presentation: ThreadRealtimeBemItemPresentation } | { readonly type: "realtimeSessionClosed"; readonly outcome: ThreadRealtimeSessionOutcome })
export type ThreadRealtimeItemAddedNotification = { readonly threadId: string; readonly item: JsonValue }
export type ThreadRealtimeItemCompletedNotification = { readonly threadId: string; readonly item: ThreadRealtimeItem }
export type ThreadRealtimeItemStartedNotification = { readonly threadId: string; readonly item: ThreadRealtimeItem }
export type ThreadRealtimeItemTranscriptDeltaNotification = { readonly threadId: string; readonly itemId: string; readonly delta: string }
export type ThreadRealtimeListVoicesParams = Record<string, never>
export type ThreadRealtimeListVoicesResponse = { readonly voices: RealtimeVoicesList }
export type ThreadRealtimeOutputAudioDeltaNotification = { readonly threadId: string; readonly audio: ThreadRealtimeAudioChunk }
export type ThreadRealtimeSdpNotification = { readonly threadId: string; readonly sdp: string }
export type ThreadRealtimeSessionOutcome = "ended" | "failed"
export type ThreadRealtimeStartParams = { readonly threadId: string; readonly clientManagedHandoffs?: boolean | null | undefined; readonly delegationAckFiller?: boolean | null | undefined; readonly flushTranscriptTailOnSessionEnd?: boolean | null | undefined; readonly codexResponsesAsItems?: boolean | null | undefined; readonly codexResponseItemPrefix?: string | null | undefined; readonly codexResponseHandoffMode?: CodexResponseHandoffMode | null | undefined; readonly backendReasoningStatus?: boolean | undefined; readonly codexResponseHandoffChannelPrefixes?: { readonly [key in string]?: ReadonlyArray<string> } | null | undefined; readonly model?: string | null | undefined; readonly outputModality: RealtimeOutputModality; readonly includeStartupContext?: boolean | null | undefined; readonly initialItems?: ReadonlyArray<ThreadRealtimeInitialItem> | null | undefined; readonly realtimeStartInstructions?: string | null | undefined; readonly realtimeEndInstructions?: string | null | undefined; readonly prompt?: string | null | undefined; readonly realtimeSessionId?: string | null | undefined; readonly voiceSessionId?: string | null | undefined; readonly transport?: ThreadRealtimeStartTransport | null | undefined; readonly version?: RealtimeConversationVersion | null | undefined; readonly voice?: RealtimeVoice | null | undefined }
export type ThreadRealtimeStartResponse = Record<string, never>
export type ThreadRealtimeStartTransport =
  | { readonly type: "websocket" }
  | { readonly type: "webrtc"; readonly sdp: string }
  | { readonly type: "existingCall"; readonly callId: string }
export type ThreadRealtimeStartedNotification = { readonly threadId: string; readonly realtimeSessionId: string | null; readonly version: RealtimeConversationVersion }
export type ThreadRealtimeStopParams = { readonly threadId: string }
export type ThreadRealtimeStopResponse = Record<string, never>
export type ThreadRealtimeTranscriptDeltaNotification = { readonly threadId: string; readonly role: string; readonly delta: string }
export type ThreadRealtimeTranscriptDoneNotification = { readonly threadId: string; readonly role: string; readonly text: string }
export type ThreadRealtimeTranscriptRole = "user" | "assistant"
export type ThreadResumeInitialTurnsPageParams = { readonly limit?: number | null | undefined; readonly sortDirection?: SortDirection | null | undefined; readonly itemsView?: TurnItemsView | null | undefined }
export type ThreadResumeParams = { readonly threadId: string; readonly history?: ReadonlyArray<ResponseItem> | null | undefined; readonly path?: string | null | undefined; readonly model?: string | null | undefined; readonly modelProvider?: string | null | undefined; readonly serviceTier?: string | null | undefined; readonly cwd?: string | null | undefined; readonly runtimeWorkspaceRoots?: ReadonlyArray<AbsolutePathBuf> | null | undefined; readonly approvalPolicy?: AskForApproval | null | undefined; readonly approvalsReviewer?: ApprovalsReviewer | null | undefined; readonly sandbox?: SandboxMode | null | undefined; readonly permissions?: string | null | undefined; readonly config?: { readonly [key in string]?: JsonValue } | null | undefined; readonly baseInstructions?: string | null | undefined; readonly developerInstructions?: string | null | undefined; readonly personality?: Personality | null | undefined; readonly excludeTurns?: boolean | undefined; readonly initialTurnsPage?: ThreadResumeInitialTurnsPageParams | null | undefined }
export type ThreadResumeResponse = { readonly thread: Thread; readonly model: string; readonly modelProvider: string; readonly serviceTier: string | null; readonly disabledPluginIds: ReadonlyArray<string>; readonly cwd: AbsolutePathBuf; readonly runtimeWorkspaceRoots: ReadonlyArray<AbsolutePathBuf>; readonly instructionSources: ReadonlyArray<LegacyAppPathString>; readonly approvalPolicy: AskForApproval; readonly approvalsReviewer: ApprovalsReviewer; readonly sandbox: SandboxPolicy; readonly activePermissionProfile: ActivePermissionProfile | null; readonly reasoningEffort: ReasoningEffort | null; readonly collaborationMode: CollaborationMode | null; readonly multiAgentMode: MultiAgentMode; readonly initialTurnsPage: TurnsPage | null; readonly turnsBackwardsCursor: string | null; readonly itemsBackwardsCursor: string | null }
export type ThreadRevertParams = { readonly threadId: string; readonly beforeTurnId: string }
export type ThreadRevertResponse = { readonly thread: Thread; readonly turnsBackwardsCursor: string | null; readonly itemsBackwardsCursor: string | null }
export type ThreadRevertedNotification = { readonly threadId: string }
export type ThreadSampleCancelParams = { readonly requestId: RequestId }
export type ThreadSampleCancelResponse = Record<string, never>
export type ThreadSampleParams = { readonly threadId: string; readonly expectedTurnId: string; readonly allowInProgressTurn?: boolean | undefined; readonly prompt: string; readonly effort?: ReasoningEffort | null | undefined; readonly threadSource?: ThreadSource | null | undefined; readonly turnTrigger?: string | null | undefined; readonly responsesapiClientMetadata?: { readonly [key in string]?: string } | null | undefined; readonly disableMcp?: boolean | undefined; readonly interruptOnCancel?: boolean | null | undefined }
export type ThreadSampleResponse = { readonly sourceTurnId: string; readonly responseId: string; readonly text: string | null; readonly inputTokens: number | null; readonly cachedInputTokens: number | null; readonly outputTokens: number | null }
export type ThreadSearchOccurrence = { readonly turnId: string; readonly itemId: string; readonly snippet: string; readonly snippetMatchRange: ThreadSearchTextRange; readonly turnCursor: string }
export type ThreadSearchOccurrencesParams = { readonly threadId: string; readonly searchTerm: string; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined }
export type ThreadSearchOccurrencesResponse = { readonly data: ReadonlyArray<ThreadSearchOccurrence>; readonly nextCursor: string | null }
export type ThreadSearchParams = { readonly includeAttachedThreads?: boolean | undefined; readonly currentAccountOnly?: boolean | undefined; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly sortKey?: ThreadSearchSortKey | null | undefined; readonly sortDirection?: SortDirection | null | undefined; readonly sourceKinds?: ReadonlyArray<ThreadSourceKind> | null | undefined; readonly archived?: boolean | null | undefined; readonly searchTerm: string }
export type ThreadSearchResponse = { readonly data: ReadonlyArray<ThreadSearchResult>; readonly nextCursor: string | null; readonly backwardsCursor: string | null }
export type ThreadSearchResult = { readonly thread: Thread; readonly snippet: string }
export type ThreadSearchSortKey = "created_at" | "updated_at" | "recency_at"
export type ThreadSearchTextRange = { readonly start: number; readonly end: number }
export type ThreadSection = { readonly id: string; readonly name: string; readonly appearance: ThreadSectionAppearance | null }
export type ThreadSectionAppearance = { readonly icon: string | null; readonly color: string | null }
export type ThreadSectionChangedNotification = { readonly threadId: string; readonly sectionId: string | null }
export type ThreadSectionCreateParams = { readonly name: string; readonly appearance?: ThreadSectionAppearance | null | undefined }
export type ThreadSectionCreateResponse = { readonly section: ThreadSection }
export type ThreadSectionDeleteParams = { readonly sectionId: string }
export type ThreadSectionDeleteResponse = Record<string, never>
export type ThreadSectionListParams = { readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined }
export type ThreadSectionListResponse = { readonly data: ReadonlyArray<ThreadSection>; readonly nextCursor: string | null }
export type ThreadSectionMoveParams = { readonly threadId: string; readonly sectionId: string | null; readonly beforeThreadId?: string | null | undefined }
export type ThreadSectionMoveResponse = Record<string, never>
export type ThreadSectionUpdateParams = { readonly sectionId: string; readonly name: string; readonly appearance?: ThreadSectionAppearance | null | undefined }
export type ThreadSectionUpdateResponse = { readonly section: ThreadSection }
export type ThreadSetNameParams = { readonly threadId: string; readonly name: string }
export type ThreadSetNameResponse = Record<string, never>
export type ThreadSettings = { readonly disabledPluginIds: ReadonlyArray<string>; readonly cwd: AbsolutePathBuf; readonly environments: ReadonlyArray<ThreadEnvironment> | null; readonly approvalPolicy: AskForApproval; readonly approvalsReviewer: ApprovalsReviewer; readonly sandboxPolicy: SandboxPolicy; readonly activePermissionProfile: ActivePermissionProfile | null; readonly model: string; readonly modelProvider: string; readonly serviceTier: string | null; readonly effort: ReasoningEffort | null; readonly summary: ReasoningSummary | null; readonly collaborationMode: CollaborationMode; readonly multiAgentMode: MultiAgentMode; readonly personality: Personality | null }
export type ThreadSettingsUpdateParams = { readonly threadId: string; readonly disabledPluginIds?: ReadonlyArray<string> | null | undefined; readonly cwd?: string | null | undefined; readonly environments?: ReadonlyArray<TurnEnvironmentParams> | null | undefined; readonly approvalPolicy?: AskForApproval | null | undefined; readonly approvalsReviewer?: ApprovalsReviewer | null | undefined; readonly sandboxPolicy?: SandboxPolicy | null | undefined; readonly permissions?: string | null | undefined; readonly model?: string | null | undefined; readonly serviceTier?: string | null | undefined; readonly effort?: ReasoningEffort | null | undefined; readonly summary?: ReasoningSummary | null | undefined; readonly collaborationMode?: CollaborationMode | null | undefined; readonly multiAgentMode?: MultiAgentMode | null | undefined; readonly personality?: Personality | null | undefined }
export type ThreadSettingsUpdateResponse = Record<string, never>
export type ThreadSettingsUpdatedNotification = { readonly threadId: string; readonly threadSettings: ThreadSettings }
export type ThreadShellCommandParams = { readonly threadId: string; readonly command: string; readonly timeoutMs?: number | null | undefined }
export type ThreadShellCommandResponse = Record<string, never>
export type ThreadSortKey = "created_at" | "updated_at" | "recency_at" | "section_position"
export type ThreadSource = string
export type ThreadSourceKind =
  | "cli"
  | "vscode"
  | "exec"
  | "appServer"
  | "subAgent"
  | "subAgentReview"
  | "subAgentCompact"
  | "subAgentThreadSpawn"
  | "subAgentOther"
  | "unknown"
export type ThreadStartParams = { readonly model?: string | null | undefined; readonly modelProvider?: string | null | undefined; readonly allowProviderModelFallback?: boolean | undefined; readonly serviceTier?: string | null | undefined; readonly cwd?: string | null | undefined; readonly runtimeWorkspaceRoots?: ReadonlyArray<AbsolutePathBuf> | null | undefined; readonly approvalPolicy?: AskForApproval | null | undefined; readonly approvalsReviewer?: ApprovalsReviewer | null | undefined; readonly sandbox?: SandboxMode | null | undefined; readonly permissions?: string | null | undefined; readonly config?: { readonly [key in string]?: JsonValue } | null | undefined; readonly serviceName?: string | null | undefined; readonly baseInstructions?: string | null | undefined; readonly developerInstructions?: string | null | undefined; readonly personality?: Personality | null | undefined; readonly multiAgentMode?: MultiAgentMode | null | undefined; readonly ephemeral?: boolean | null | undefined; readonly historyMode?: ThreadHistoryMode | null | undefined; readonly sessionStartSource?: ThreadStartSource | null | undefined; readonly threadSource?: ThreadSource | null | undefined; readonly projectId?: string | null | undefined; readonly daybreakEnabled?: boolean | null | undefined; readonly environments?: ReadonlyArray<TurnEnvironmentParams> | null | undefined; readonly dynamicTools?: ReadonlyArray<DynamicToolSpec> | null | undefined; readonly selectedCapabilityRoots?: ReadonlyArray<SelectedCapabilityRoot> | null | undefined; readonly mockExperimentalField?: string | null | undefined; readonly experimentalRawEvents?: boolean | undefined }
export type ThreadStartResponse = { readonly thread: Thread; readonly model: string; readonly modelProvider: string; readonly serviceTier: string | null; readonly disabledPluginIds: ReadonlyArray<string>; readonly cwd: AbsolutePathBuf; readonly runtimeWorkspaceRoots: ReadonlyArray<AbsolutePathBuf>; readonly instructionSources: ReadonlyArray<LegacyAppPathString>; readonly approvalPolicy: AskForApproval; readonly approvalsReviewer: ApprovalsReviewer; readonly sandbox: SandboxPolicy; readonly activePermissionProfile: ActivePermissionProfile | null; readonly reasoningEffort: ReasoningEffort | null; readonly multiAgentMode: MultiAgentMode }
export type ThreadStartSource = "startup" | "clear"
export type ThreadStartedNotification = { readonly thread: Thread }
export type ThreadStatus =
  | { readonly type: "notLoaded" }
  | { readonly type: "idle" }
  | { readonly type: "systemError" }
  | { readonly type: "active"; readonly activeFlags: ReadonlyArray<ThreadActiveFlag> }
export type ThreadStatusChangedNotification = { readonly threadId: string; readonly status: ThreadStatus }
export type ThreadTimelineEntry =
  | { readonly type: "item"; readonly position: number; readonly turnId: string; readonly item: ThreadItem }
  | { readonly type: "realtime"; readonly position: number; readonly item: ThreadRealtimeItem }
  | { readonly type: "turnStarted"; readonly position: number; readonly turnId: string; readonly startedAt: number | null }
  | { readonly type: "turnCompleted"; readonly position: number; readonly turnId: string; readonly status: TurnStatus; readonly error: TurnError | null; readonly startedAt: number | null; readonly completedAt: number | null; readonly durationMs: number | null }
export type ThreadTimelineListParams = { readonly threadId: string; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined }
export type ThreadTimelineListResponse = { readonly data: ReadonlyArray<ThreadTimelineEntry>; readonly nextCursor: string | null; readonly activeRealtimeSessionAtPageStart: string | null }
export type ThreadTokenUsage = { readonly total: TokenUsageBreakdown; readonly last: TokenUsageBreakdown; readonly modelContextWindow: number | null }
export type ThreadTokenUsageUpdatedNotification = { readonly threadId: string; readonly turnId: string; readonly tokenUsage: ThreadTokenUsage }
export type ThreadTurnsListParams = { readonly threadId: string; readonly cursor?: string | null | undefined; readonly limit?: number | null | undefined; readonly sortDirection?: SortDirection | null | undefined; readonly itemsView?: TurnItemsView | null | undefined }
export type ThreadTurnsListResponse = { readonly data: ReadonlyArray<Turn>; readonly nextCursor: string | null; readonly backwardsCursor: string | null }
export type ThreadUnarchiveParams = { readonly threadId: string }
export type ThreadUnarchiveResponse = { readonly thread: Thread }
export type ThreadUnarchivedNotification = { readonly threadId: string }
export type ThreadUnreadPosition = { readonly type: "threadStart" } | { readonly type: "turn"; readonly turnId: string }
export type ThreadUnsubscribeParams = { readonly threadId: string }
export type ThreadUnsubscribeResponse = { readonly status: ThreadUnsubscribeStatus }
export type ThreadUnsubscribeStatus = "notLoaded" | "notSubscribed" | "unsubscribed"
export type ThreadUsage = { readonly threadId: string; readonly estimatedUsageCreditsMicros: number; readonly estimatedUsageUsdMicros: number | null; readonly nativeUsageUsdMicros?: number | null | undefined; readonly groups: ReadonlyArray<ThreadUsageBreakdownGroup> }
export type ThreadUsageBreakdownGroup = { readonly model: string | null; readonly reasoningEffort: string | null; readonly speed: string | null; readonly estimatedUsageCreditsMicros: number; readonly netNewInputTokens: number | null; readonly cachedInputTokens: number | null; readonly inputTokens: number | null; readonly outputTokens: number | null; readonly totalTokens: number | null }
export type TokenUsageBreakdown = { readonly totalTokens: number; readonly inputTokens: number; readonly cachedInputTokens: number; readonly cacheWriteInputTokens: number; readonly outputTokens: number; readonly reasoningOutputTokens: number }
export type Tool = { readonly name: string; readonly title?: string | undefined; readonly description?: string | undefined; readonly inputSchema: JsonValue; readonly outputSchema?: JsonValue | undefined; readonly annotations?: JsonValue | undefined; readonly icons?: ReadonlyArray<JsonValue> | undefined; readonly _meta?: JsonValue | undefined }
export type ToolExposureSurface = "code_mode" | "deferred" | "direct"
export type ToolRequestUserInputAnswer = { readonly answers: ReadonlyArray<string> }
export type ToolRequestUserInputOption = { readonly label: string; readonly description: string }
export type ToolRequestUserInputParams = { readonly threadId: string; readonly turnId: string; readonly itemId: string; readonly questions: ReadonlyArray<ToolRequestUserInputQuestion>; readonly isBlocking: boolean; readonly autoResolutionMs: number | null }
export type ToolRequestUserInputQuestion = { readonly id: string; readonly header: string; readonly question: string; readonly isOther: boolean; readonly isSecret: boolean; readonly options: ReadonlyArray<ToolRequestUserInputOption> | null }
export type ToolRequestUserInputResponse = { readonly answers: { readonly [key in string]?: ToolRequestUserInputAnswer } }
export type ToolsV2 = { readonly web_search: WebSearchToolConfig | null }
export type Turn = { readonly id: string; readonly rootTurnId: string | null; readonly items: ReadonlyArray<ThreadItem>; readonly itemsView: TurnItemsView; readonly status: TurnStatus; readonly error: TurnError | null; readonly startedAt: number | null; readonly completedAt: number | null; readonly durationMs: number | null }
export type TurnCompletedNotification = { readonly threadId: string; readonly turn: Turn }
export type TurnDiffUpdatedNotification = { readonly threadId: string; readonly turnId: string; readonly diff: string }
export type TurnEnvironmentParams = { readonly environmentId: string; readonly cwd: LegacyAppPathString; readonly runtimeWorkspaceRoots?: ReadonlyArray<LegacyAppPathString> | null | undefined }
export type TurnError = { readonly message: string; readonly codexErrorInfo: CodexErrorInfo | null; readonly additionalDetails: string | null; readonly misalignment: MisalignmentErrorDetails | null }
export type TurnInterruptParams = { readonly threadId: string; readonly turnId: string }
export type TurnInterruptResponse = Record<string, never>
export type TurnItemsView = "notLoaded" | "summary" | "full"
export type TurnModerationMetadataNotification = { readonly threadId: string; readonly turnId: string; readonly metadata: JsonValue }
export type TurnPlanStep = { readonly step: string; readonly status: TurnPlanStepStatus }
export type TurnPlanStepStatus = "pending" | "inProgress" | "completed"
export type TurnPlanUpdatedNotification = { readonly threadId: string; readonly turnId: string; readonly explanation: string | null; readonly plan: ReadonlyArray<TurnPlanStep> }
export type TurnSettingsUpdateParams = { readonly threadId: string; readonly turnId: string; readonly approvalsReviewer?: ApprovalsReviewer | null | undefined; readonly environments?: ReadonlyArray<TurnEnvironmentParams> | null | undefined; readonly model?: string | null | undefined; readonly effort?: ReasoningEffort | null | undefined; readonly summary?: ReasoningSummary | null | undefined; readonly serviceTier?: string | null | undefined }
export type TurnSettingsUpdateResponse = { readonly status: TurnSettingsUpdateStatus }
export type TurnSettingsUpdateStatus = "applied" | "targetUnavailable"
export type TurnStartParams = { readonly threadId: string; readonly disabledPluginIds?: ReadonlyArray<string> | null | undefined; readonly clientUserMessageId?: string | null | undefined; readonly input: ReadonlyArray<UserInput>; readonly turnTrigger?: string | null | undefined; readonly parentTurnId?: string | null | undefined; readonly rootTurnId?: string | null | undefined; readonly toolOutput?: TurnToolOutput | null | undefined; readonly responsesapiClientMetadata?: { readonly [key in string]?: string } | null | undefined; readonly responsesapiClientMetadataPatch?: { readonly [key in string]?: string } | null | undefined; readonly additionalContext?: { readonly [key in string]?: AdditionalContextEntry } | null | undefined; readonly environments?: ReadonlyArray<TurnEnvironmentParams> | null | undefined; readonly cwd?: string | null | undefined; readonly runtimeWorkspaceRoots?: ReadonlyArray<AbsolutePathBuf> | null | undefined; readonly approvalPolicy?: AskForApproval | null | undefined; readonly approvalsReviewer?: ApprovalsReviewer | null | undefined; readonly sandboxPolicy?: SandboxPolicy | null | undefined; readonly permissions?: string | null | undefined; readonly model?: string | null | undefined; readonly serviceTier?: string | null | undefined; readonly serviceTierForTurn?: string | null | undefined; readonly effort?: ReasoningEffort | null | undefined; readonly summary?: ReasoningSummary | null | undefined; readonly personality?: Personality | null | undefined; readonly outputSchema?: JsonValue | null | undefined; readonly collaborationMode?: CollaborationMode | null | undefined; readonly multiAgentMode?: MultiAgentMode | null | undefined; readonly cyberAccessProgram?: CyberAccessProgram | null | undefined }
export type TurnStartResponse = { readonly turn: Turn }
export type TurnStartedNotification = { readonly threadId: string; readonly turn: Turn }
export type TurnStatus = "completed" | "interrupted" | "failed" | "inProgress"
export type TurnSteerParams = { readonly threadId: string; readonly clientUserMessageId?: string | null | undefined; readonly input: ReadonlyArray<UserInput>; readonly responsesapiClientMetadata?: { readonly [key in string]?: string } | null | undefined; readonly responsesapiClientMetadataPatch?: { readonly [key in string]?: string } | null | undefined; readonly additionalContext?: { readonly [key in string]?: AdditionalContextEntry } | null | undefined; readonly expectedTurnId: string }
export type TurnSteerResponse = { readonly turnId: string }
export type TurnToolOutput = { readonly name: string; readonly namespace: string | null; readonly output: FunctionCallOutputBody; readonly retain?: boolean | undefined }
export type TurnsPage = { readonly data: ReadonlyArray<Turn>; readonly nextCursor: string | null; readonly backwardsCursor: string | null }
export type UserInput =
  | { readonly type: "text"; readonly text: string; readonly text_elements: ReadonlyArray<TextElement> }
  | { readonly type: "image"; readonly detail?: ImageDetail | undefined } & ({ readonly url: string } | { readonly fileId: string })
  | { readonly type: "localImage"; readonly detail?: ImageDetail | undefined; readonly path: string }
  | { readonly type: "audio" } & ({ readonly url: string } | { readonly fileId: string })
  | { readonly type: "localAudio"; readonly path: string }
  | { readonly type: "skill"; readonly name: string; readonly path: string }
  | { readonly type: "mention"; readonly name: string; readonly path: string }
export type UserVerificationCancelParams = { readonly requestId: RequestId }
export type UserVerificationCancelResponse = Record<string, never>
export type UserVerificationDeleteParams = Record<string, never>
export type UserVerificationDeleteResponse = Record<string, never>
export type UserVerificationEnrollParams = Record<string, never>
export type UserVerificationEnrollResponse = { readonly credentialId: string; readonly algorithm: string | null; readonly publicKey: string | null }
export type UserVerificationProof = { readonly credentialId: string; readonly signature: string }
export type UserVerificationStatusParams = Record<string, never>
export type UserVerificationStatusResponse = { readonly credentialId: string | null; readonly unavailableReason: UserVerificationUnavailableReason | null; readonly unavailableMessage: string | null }
export type UserVerificationUnavailableReason = "credentialMissing" | "biometricsUnavailable" | "providerUnavailable"
export type UserVerificationVerifyParams = { readonly challenge: string; readonly title: string; readonly description: string }
export type UserVerificationVerifyResponse = { readonly proof: UserVerificationProof }
export type Verbosity = "low" | "medium" | "high"
export type WarningNotification = { readonly threadId: string | null; readonly message: string }
export type WebSearchAction =
  | { readonly type: "search"; readonly query: string | null; readonly queries: ReadonlyArray<string> | null }
  | { readonly type: "openPage"; readonly url: string | null }
  | { readonly type: "findInPage"; readonly url: string | null; readonly pattern: string | null }
  | { readonly type: "other" }
export type WebSearchContextSize = "low" | "medium" | "high"
export type WebSearchItem = { readonly id: string; readonly query: string; readonly action: WebSearchAction | null; readonly results: ReadonlyArray<JsonValue> | null }
export type WebSearchLocation = { readonly country: string | null; readonly region: string | null; readonly city: string | null; readonly timezone: string | null }
export type WebSearchMode = "disabled" | "cached" | "indexed" | "live"
export type WebSearchProvider = "standalone" | "search_mcp"
export type WebSearchToolConfig = { readonly context_size: WebSearchContextSize | null; readonly allowed_domains: ReadonlyArray<string> | null; readonly location: WebSearchLocation | null }
export type WindowsSandboxImplementation = "elevated" | "unelevated" | "mxc"
export type WindowsSandboxReadiness = "ready" | "notConfigured" | "updateRequired"
export type WindowsSandboxReadinessResponse = { readonly status: WindowsSandboxReadiness }
export type WindowsSandboxSetupCompletedNotification = { readonly mode: WindowsSandboxSetupMode; readonly success: boolean; readonly error: string | null }
export type WindowsSandboxSetupMode = "elevated" | "unelevated"
export type WindowsSandboxSetupStartParams = { readonly mode: WindowsSandboxSetupMode; readonly cwd?: AbsolutePathBuf | null | undefined }
export type WindowsSandboxSetupStartResponse = { readonly started: boolean }
export type WindowsWorldWritableWarningNotification = { readonly samplePaths: ReadonlyArray<string>; readonly extraCount: number; readonly failedScan: boolean }
export type WorkspaceMessage = { readonly messageId: string; readonly messageType: WorkspaceMessageType; readonly messageBody: string; readonly createdAt: number | null; readonly archivedAt: number | null }
export type WorkspaceMessageType = "headline" | "announcement" | "unknown"
export type WorkspaceRouting = { readonly chatgptAccountId: string; readonly backendOrigin: string; readonly accountRoutingOverride: AccountRoutingOverride }
export type WriteStatus = "ok" | "okOverridden"

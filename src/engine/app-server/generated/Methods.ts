// Types of the protocol of Codex 0.169.0, written by `npm run protocol`. Do not edit.
import type * as Types from "./Types.ts"
export interface ClientRequests {
  readonly "initialize": { readonly params: Types.InitializeParams; readonly result: Types.InitializeResponse }
  readonly "server/diagnostics": { readonly params: Types.ServerDiagnosticsParams; readonly result: Types.ServerDiagnosticsResponse }
  readonly "userVerification/status": { readonly params: Types.UserVerificationStatusParams; readonly result: Types.UserVerificationStatusResponse }
  readonly "userVerification/enroll": { readonly params: Types.UserVerificationEnrollParams; readonly result: Types.UserVerificationEnrollResponse }
  readonly "userVerification/delete": { readonly params: Types.UserVerificationDeleteParams; readonly result: Types.UserVerificationDeleteResponse }
  readonly "userVerification/verify": { readonly params: Types.UserVerificationVerifyParams; readonly result: Types.UserVerificationVerifyResponse }
  readonly "userVerification/cancel": { readonly params: Types.UserVerificationCancelParams; readonly result: Types.UserVerificationCancelResponse }
  readonly "thread/start": { readonly params: Types.ThreadStartParams; readonly result: Types.ThreadStartResponse }
  readonly "thread/resume": { readonly params: Types.ThreadResumeParams; readonly result: Types.ThreadResumeResponse }
  readonly "thread/fork": { readonly params: Types.ThreadForkParams; readonly result: Types.ThreadForkResponse }
  readonly "thread/sample": { readonly params: Types.ThreadSampleParams; readonly result: Types.ThreadSampleResponse }
  readonly "thread/sample/cancel": { readonly params: Types.ThreadSampleCancelParams; readonly result: Types.ThreadSampleCancelResponse }
  readonly "thread/archive": { readonly params: Types.ThreadArchiveParams; readonly result: Types.ThreadArchiveResponse }
  readonly "thread/delete": { readonly params: Types.ThreadDeleteParams; readonly result: Types.ThreadDeleteResponse }
  readonly "thread/unsubscribe": { readonly params: Types.ThreadUnsubscribeParams; readonly result: Types.ThreadUnsubscribeResponse }
  readonly "thread/increment_elicitation": { readonly params: Types.ThreadIncrementElicitationParams; readonly result: Types.ThreadIncrementElicitationResponse }
  readonly "thread/decrement_elicitation": { readonly params: Types.ThreadDecrementElicitationParams; readonly result: Types.ThreadDecrementElicitationResponse }
  readonly "thread/name/set": { readonly params: Types.ThreadSetNameParams; readonly result: Types.ThreadSetNameResponse }
  readonly "thread/prediction/request": { readonly params: Types.ThreadPredictionRequestParams; readonly result: Types.ThreadPredictionRequestResponse }
  readonly "thread/goal/set": { readonly params: Types.ThreadGoalSetParams; readonly result: Types.ThreadGoalSetResponse }
  readonly "thread/goal/get": { readonly params: Types.ThreadGoalGetParams; readonly result: Types.ThreadGoalGetResponse }
  readonly "thread/goal/clear": { readonly params: Types.ThreadGoalClearParams; readonly result: Types.ThreadGoalClearResponse }
  readonly "thread/queue/add": { readonly params: Types.ThreadQueueAddParams; readonly result: Types.ThreadQueueAddResponse }
  readonly "thread/queue/list": { readonly params: Types.ThreadQueueListParams; readonly result: Types.ThreadQueueListResponse }
  readonly "thread/queue/update": { readonly params: Types.ThreadQueueUpdateParams; readonly result: Types.ThreadQueueUpdateResponse }
  readonly "thread/queue/delete": { readonly params: Types.ThreadQueueDeleteParams; readonly result: Types.ThreadQueueDeleteResponse }
  readonly "thread/queue/reorder": { readonly params: Types.ThreadQueueReorderParams; readonly result: Types.ThreadQueueReorderResponse }
  readonly "thread/queue/start": { readonly params: Types.ThreadQueueStartParams; readonly result: Types.ThreadQueueStartResponse }
  readonly "thread/metadata/update": { readonly params: Types.ThreadMetadataUpdateParams; readonly result: Types.ThreadMetadataUpdateResponse }
  readonly "thread/attachment/add": { readonly params: Types.ThreadAttachmentAddParams; readonly result: Types.ThreadAttachmentAddResponse }
  readonly "thread/attachment/list": { readonly params: Types.ThreadAttachmentListParams; readonly result: Types.ThreadAttachmentListResponse }
  readonly "thread/attachmentOwner/list": { readonly params: Types.ThreadAttachmentOwnerListParams; readonly result: Types.ThreadAttachmentOwnerListResponse }
  readonly "thread/attachment/remove": { readonly params: Types.ThreadAttachmentRemoveParams; readonly result: Types.ThreadAttachmentRemoveResponse }
  readonly "thread/section/move": { readonly params: Types.ThreadSectionMoveParams; readonly result: Types.ThreadSectionMoveResponse }
  readonly "thread/settings/update": { readonly params: Types.ThreadSettingsUpdateParams; readonly result: Types.ThreadSettingsUpdateResponse }
  readonly "thread/memoryMode/set": { readonly params: Types.ThreadMemoryModeSetParams; readonly result: Types.ThreadMemoryModeSetResponse }
  readonly "thread/memory/read": { readonly params: Types.ThreadMemoryReadParams; readonly result: Types.ThreadMemoryReadResponse }
  readonly "memory/status": { readonly params: Types.MemoryStatusParams; readonly result: Types.MemoryStatusResponse }
  readonly "memory/reset": { readonly params: undefined; readonly result: Types.MemoryResetResponse }
  readonly "rollout/compress": { readonly params: undefined; readonly result: Types.RolloutCompressResponse }
  readonly "thread/unarchive": { readonly params: Types.ThreadUnarchiveParams; readonly result: Types.ThreadUnarchiveResponse }
  readonly "thread/compact/start": { readonly params: Types.ThreadCompactStartParams; readonly result: Types.ThreadCompactStartResponse }
  readonly "thread/shellCommand": { readonly params: Types.ThreadShellCommandParams; readonly result: Types.ThreadShellCommandResponse }
  readonly "thread/approveGuardianDeniedAction": { readonly params: Types.ThreadApproveGuardianDeniedActionParams; readonly result: Types.ThreadApproveGuardianDeniedActionResponse }
  readonly "thread/backgroundTerminals/clean": { readonly params: Types.ThreadBackgroundTerminalsCleanParams; readonly result: Types.ThreadBackgroundTerminalsCleanResponse }
  readonly "thread/backgroundTerminals/list": { readonly params: Types.ThreadBackgroundTerminalsListParams; readonly result: Types.ThreadBackgroundTerminalsListResponse }
  readonly "thread/backgroundTerminals/terminate": { readonly params: Types.ThreadBackgroundTerminalsTerminateParams; readonly result: Types.ThreadBackgroundTerminalsTerminateResponse }
  readonly "thread/revert": { readonly params: Types.ThreadRevertParams; readonly result: Types.ThreadRevertResponse }
  readonly "thread/list": { readonly params: Types.ThreadListParams; readonly result: Types.ThreadListResponse }
  readonly "project/list": { readonly params: Types.ProjectListParams; readonly result: Types.ProjectListResponse }
  readonly "project/read": { readonly params: Types.ProjectReadParams; readonly result: Types.ProjectReadResponse }
  readonly "project/create": { readonly params: Types.ProjectCreateParams; readonly result: Types.ProjectCreateResponse }
  readonly "project/import": { readonly params: Types.ProjectImportParams; readonly result: Types.ProjectImportResponse }
  readonly "project/update": { readonly params: Types.ProjectUpdateParams; readonly result: Types.ProjectUpdateResponse }
  readonly "project/move": { readonly params: Types.ProjectMoveParams; readonly result: Types.ProjectMoveResponse }
  readonly "project/delete": { readonly params: Types.ProjectDeleteParams; readonly result: Types.ProjectDeleteResponse }
  readonly "threadSection/list": { readonly params: Types.ThreadSectionListParams; readonly result: Types.ThreadSectionListResponse }
  readonly "threadSection/create": { readonly params: Types.ThreadSectionCreateParams; readonly result: Types.ThreadSectionCreateResponse }
  readonly "threadSection/update": { readonly params: Types.ThreadSectionUpdateParams; readonly result: Types.ThreadSectionUpdateResponse }
  readonly "threadSection/delete": { readonly params: Types.ThreadSectionDeleteParams; readonly result: Types.ThreadSectionDeleteResponse }
  readonly "thread/search": { readonly params: Types.ThreadSearchParams; readonly result: Types.ThreadSearchResponse }
  readonly "thread/searchOccurrences": { readonly params: Types.ThreadSearchOccurrencesParams; readonly result: Types.ThreadSearchOccurrencesResponse }
  readonly "thread/loaded/list": { readonly params: Types.ThreadLoadedListParams; readonly result: Types.ThreadLoadedListResponse }
  readonly "thread/read": { readonly params: Types.ThreadReadParams; readonly result: Types.ThreadReadResponse }
  readonly "thread/readState/update": { readonly params: Types.ThreadReadStateUpdateParams; readonly result: Types.ThreadReadStateUpdateResponse }
  readonly "thread/turns/list": { readonly params: Types.ThreadTurnsListParams; readonly result: Types.ThreadTurnsListResponse }
  readonly "thread/items/list": { readonly params: Types.ThreadItemsListParams; readonly result: Types.ThreadItemsListResponse }
  readonly "thread/items/read": { readonly params: Types.ThreadItemsReadParams; readonly result: Types.ThreadItemsReadResponse }
  readonly "thread/guardianReview": { readonly params: Types.ThreadGuardianReviewParams; readonly result: Types.ThreadGuardianReviewResponse }
  readonly "thread/inject_items": { readonly params: Types.ThreadInjectItemsParams; readonly result: Types.ThreadInjectItemsResponse }
  readonly "thread/prepareApprovedPlan": { readonly params: Types.ThreadPrepareApprovedPlanParams; readonly result: Types.ThreadPrepareApprovedPlanResponse }
  readonly "skills/list": { readonly params: Types.SkillsListParams; readonly result: Types.SkillsListResponse }
  readonly "skills/extraRoots/set": { readonly params: Types.SkillsExtraRootsSetParams; readonly result: Types.SkillsExtraRootsSetResponse }
  readonly "hooks/list": { readonly params: Types.HooksListParams; readonly result: Types.HooksListResponse }
  readonly "marketplace/add": { readonly params: Types.MarketplaceAddParams; readonly result: Types.MarketplaceAddResponse }
  readonly "marketplace/remove": { readonly params: Types.MarketplaceRemoveParams; readonly result: Types.MarketplaceRemoveResponse }
  readonly "marketplace/upgrade": { readonly params: Types.MarketplaceUpgradeParams; readonly result: Types.MarketplaceUpgradeResponse }
  readonly "plugin/list": { readonly params: Types.PluginListParams; readonly result: Types.PluginListResponse }
  readonly "plugin/search": { readonly params: Types.PluginSearchParams; readonly result: Types.PluginSearchResponse }
  readonly "plugin/installed": { readonly params: Types.PluginInstalledParams; readonly result: Types.PluginInstalledResponse }
  readonly "plugin/reconcile": { readonly params: Types.PluginReconcileParams; readonly result: Types.PluginReconcileResponse }
  readonly "plugin/read": { readonly params: Types.PluginReadParams; readonly result: Types.PluginReadResponse }
  readonly "plugin/skill/read": { readonly params: Types.PluginSkillReadParams; readonly result: Types.PluginSkillReadResponse }
  readonly "plugin/share/save": { readonly params: Types.PluginShareSaveParams; readonly result: Types.PluginShareSaveResponse }
  readonly "plugin/share/updateTargets": { readonly params: Types.PluginShareUpdateTargetsParams; readonly result: Types.PluginShareUpdateTargetsResponse }
  readonly "plugin/share/list": { readonly params: Types.PluginShareListParams; readonly result: Types.PluginShareListResponse }
  readonly "plugin/share/checkout": { readonly params: Types.PluginShareCheckoutParams; readonly result: Types.PluginShareCheckoutResponse }
  readonly "plugin/share/delete": { readonly params: Types.PluginShareDeleteParams; readonly result: Types.PluginShareDeleteResponse }
  readonly "app/read": { readonly params: Types.AppsReadParams; readonly result: Types.AppsReadResponse }
  readonly "app/list": { readonly params: Types.AppsListParams; readonly result: Types.AppsListResponse }
  readonly "app/installed": { readonly params: Types.AppsInstalledParams; readonly result: Types.AppsInstalledResponse }
  readonly "fs/readFile": { readonly params: Types.FsReadFileParams; readonly result: Types.FsReadFileResponse }
  readonly "fs/writeFile": { readonly params: Types.FsWriteFileParams; readonly result: Types.FsWriteFileResponse }
  readonly "fs/createDirectory": { readonly params: Types.FsCreateDirectoryParams; readonly result: Types.FsCreateDirectoryResponse }
  readonly "fs/getMetadata": { readonly params: Types.FsGetMetadataParams; readonly result: Types.FsGetMetadataResponse }
  readonly "fs/readDirectory": { readonly params: Types.FsReadDirectoryParams; readonly result: Types.FsReadDirectoryResponse }
  readonly "fs/remove": { readonly params: Types.FsRemoveParams; readonly result: Types.FsRemoveResponse }
  readonly "fs/copy": { readonly params: Types.FsCopyParams; readonly result: Types.FsCopyResponse }
  readonly "fs/watch": { readonly params: Types.FsWatchParams; readonly result: Types.FsWatchResponse }
  readonly "fs/unwatch": { readonly params: Types.FsUnwatchParams; readonly result: Types.FsUnwatchResponse }
  readonly "skills/config/write": { readonly params: Types.SkillsConfigWriteParams; readonly result: Types.SkillsConfigWriteResponse }
  readonly "plugin/install": { readonly params: Types.PluginInstallParams; readonly result: Types.PluginInstallResponse }
  readonly "plugin/uninstall": { readonly params: Types.PluginUninstallParams; readonly result: Types.PluginUninstallResponse }
  readonly "turn/start": { readonly params: Types.TurnStartParams; readonly result: Types.TurnStartResponse }
  readonly "turn/settings/update": { readonly params: Types.TurnSettingsUpdateParams; readonly result: Types.TurnSettingsUpdateResponse }
  readonly "turn/steer": { readonly params: Types.TurnSteerParams; readonly result: Types.TurnSteerResponse }
  readonly "turn/interrupt": { readonly params: Types.TurnInterruptParams; readonly result: Types.TurnInterruptResponse }
  readonly "thread/realtime/start": { readonly params: Types.ThreadRealtimeStartParams; readonly result: Types.ThreadRealtimeStartResponse }
  readonly "thread/realtime/appendAudio": { readonly params: Types.ThreadRealtimeAppendAudioParams; readonly result: Types.ThreadRealtimeAppendAudioResponse }
  readonly "thread/realtime/appendText": { readonly params: Types.ThreadRealtimeAppendTextParams; readonly result: Types.ThreadRealtimeAppendTextResponse }
  readonly "thread/realtime/appendSpeech": { readonly params: Types.ThreadRealtimeAppendSpeechParams; readonly result: Types.ThreadRealtimeAppendSpeechResponse }
  readonly "thread/realtime/stop": { readonly params: Types.ThreadRealtimeStopParams; readonly result: Types.ThreadRealtimeStopResponse }
  readonly "thread/timeline/list": { readonly params: Types.ThreadTimelineListParams; readonly result: Types.ThreadTimelineListResponse }
  readonly "thread/realtime/listVoices": { readonly params: Types.ThreadRealtimeListVoicesParams; readonly result: Types.ThreadRealtimeListVoicesResponse }
  readonly "review/start": { readonly params: Types.ReviewStartParams; readonly result: Types.ReviewStartResponse }
  readonly "model/list": { readonly params: Types.ModelListParams; readonly result: Types.ModelListResponse }
  readonly "account/gatewayOAuth/read": { readonly params: Types.GatewayOAuthReadParams | null | undefined; readonly result: Types.GatewayOAuthReadResponse }
  readonly "account/gatewayOAuth/login": { readonly params: Types.GatewayOAuthLoginParams | null | undefined; readonly result: Types.GatewayOAuthLoginResponse }
  readonly "account/gatewayOAuth/cancel": { readonly params: undefined; readonly result: Types.GatewayOAuthCancelResponse }
  readonly "modelProvider/list": { readonly params: Types.ModelProviderListParams; readonly result: Types.ModelProviderListResponse }
  readonly "modelProvider/config/write": { readonly params: Types.ModelProviderConfigWriteParams; readonly result: Types.ModelProviderConfigWriteResponse }
  readonly "modelProvider/capabilities/read": { readonly params: Types.ModelProviderCapabilitiesReadParams; readonly result: Types.ModelProviderCapabilitiesReadResponse }
  readonly "experimentalFeature/list": { readonly params: Types.ExperimentalFeatureListParams; readonly result: Types.ExperimentalFeatureListResponse }
  readonly "permissionProfile/list": { readonly params: Types.PermissionProfileListParams; readonly result: Types.PermissionProfileListResponse }
  readonly "experimentalFeature/enablement/set": { readonly params: Types.ExperimentalFeatureEnablementSetParams; readonly result: Types.ExperimentalFeatureEnablementSetResponse }
  readonly "remoteControl/enable": { readonly params: Types.RemoteControlEnableParams | null; readonly result: Types.RemoteControlEnableResponse }
  readonly "remoteControl/disable": { readonly params: Types.RemoteControlDisableParams | null; readonly result: Types.RemoteControlDisableResponse }
  readonly "remoteControl/status/read": { readonly params: undefined; readonly result: Types.RemoteControlStatusReadResponse }
  readonly "remoteControl/pairing/start": { readonly params: Types.RemoteControlPairingStartParams; readonly result: Types.RemoteControlPairingStartResponse }
  readonly "remoteControl/pairing/status": { readonly params: Types.RemoteControlPairingStatusParams; readonly result: Types.RemoteControlPairingStatusResponse }
  readonly "remoteControl/client/list": { readonly params: Types.RemoteControlClientsListParams; readonly result: Types.RemoteControlClientsListResponse }
  readonly "remoteControl/client/revoke": { readonly params: Types.RemoteControlClientsRevokeParams; readonly result: Types.RemoteControlClientsRevokeResponse }
  readonly "collaborationMode/list": { readonly params: Types.CollaborationModeListParams; readonly result: Types.CollaborationModeListResponse }
  readonly "mock/experimentalMethod": { readonly params: Types.MockExperimentalMethodParams; readonly result: Types.MockExperimentalMethodResponse }
  readonly "environment/add": { readonly params: Types.EnvironmentAddParams; readonly result: Types.EnvironmentAddResponse }
  readonly "environment/info": { readonly params: Types.EnvironmentInfoParams; readonly result: Types.EnvironmentInfoResponse }
  readonly "environment/status": { readonly params: Types.EnvironmentStatusParams; readonly result: Types.EnvironmentStatusResponse }
  readonly "mcpServer/oauth/login": { readonly params: Types.McpServerOauthLoginParams; readonly result: Types.McpServerOauthLoginResponse }
  readonly "config/mcpServer/reload": { readonly params: undefined; readonly result: Types.McpServerRefreshResponse }
  readonly "mcpServerStatus/list": { readonly params: Types.ListMcpServerStatusParams; readonly result: Types.ListMcpServerStatusResponse }
  readonly "mcpServer/resource/read": { readonly params: Types.McpResourceReadParams; readonly result: Types.McpResourceReadResponse }
  readonly "mcpServer/event/stream/start": { readonly params: Types.McpServerEventStreamStartParams; readonly result: Types.McpServerEventStreamStartResponse }
  readonly "mcpServer/event/stream/stop": { readonly params: Types.McpServerEventStreamStopParams; readonly result: Types.McpServerEventStreamStopResponse }
  readonly "mcpServer/tool/call": { readonly params: Types.McpServerToolCallParams; readonly result: Types.McpServerToolCallResponse }
  readonly "windowsSandbox/setupStart": { readonly params: Types.WindowsSandboxSetupStartParams; readonly result: Types.WindowsSandboxSetupStartResponse }
  readonly "windowsSandbox/readiness": { readonly params: undefined; readonly result: Types.WindowsSandboxReadinessResponse }
  readonly "account/login/start": { readonly params: Types.LoginAccountParams; readonly result: Types.LoginAccountResponse }
  readonly "account/bedrock/discover": { readonly params: Types.BedrockDiscoverParams; readonly result: Types.BedrockDiscoverResponse }
  readonly "account/bedrock/setup": { readonly params: Types.BedrockSetupParams; readonly result: Types.BedrockSetupResponse }
  readonly "account/gcp/setup": { readonly params: Types.GcpSetupParams; readonly result: Types.GcpSetupResponse }
  readonly "account/bedrock/checkGovCloudRequirements": { readonly params: Types.BedrockCheckGovCloudRequirementsParams; readonly result: Types.BedrockCheckGovCloudRequirementsResponse }
  readonly "account/login/cancel": { readonly params: Types.CancelLoginAccountParams; readonly result: Types.CancelLoginAccountResponse }
  readonly "accountSession/list": { readonly params: Types.AccountSessionsListParams; readonly result: Types.AccountSessionsResponse }
  readonly "accountSession/switch": { readonly params: Types.AccountSessionsSwitchParams; readonly result: Types.AccountSessionsSwitchResponse }
  readonly "account/logout": { readonly params: undefined; readonly result: Types.LogoutAccountResponse }
  readonly "account/securitySetup/read": { readonly params: undefined; readonly result: Types.GetAccountSecuritySetupResponse }
  readonly "account/rateLimits/read": { readonly params: Types.GetAccountRateLimitsParams | undefined; readonly result: Types.GetAccountRateLimitsResponse }
  readonly "account/rateLimitResetCredit/consume": { readonly params: Types.ConsumeAccountRateLimitResetCreditParams; readonly result: Types.ConsumeAccountRateLimitResetCreditResponse }
  readonly "account/usage/read": { readonly params: Types.GetAccountTokenUsageParams | undefined; readonly result: Types.GetAccountTokenUsageResponse }
  readonly "account/workspaceMessages/read": { readonly params: undefined; readonly result: Types.GetWorkspaceMessagesResponse }
  readonly "account/sendAddCreditsNudgeEmail": { readonly params: Types.SendAddCreditsNudgeEmailParams; readonly result: Types.SendAddCreditsNudgeEmailResponse }
  readonly "feedback/upload": { readonly params: Types.FeedbackUploadParams; readonly result: Types.FeedbackUploadResponse }
  readonly "feedback/save": { readonly params: Types.FeedbackSaveParams; readonly result: Types.FeedbackSaveResponse }
  readonly "command/exec": { readonly params: Types.CommandExecParams; readonly result: Types.CommandExecResponse }
  readonly "command/exec/write": { readonly params: Types.CommandExecWriteParams; readonly result: Types.CommandExecWriteResponse }
  readonly "command/exec/terminate": { readonly params: Types.CommandExecTerminateParams; readonly result: Types.CommandExecTerminateResponse }
  readonly "command/exec/resize": { readonly params: Types.CommandExecResizeParams; readonly result: Types.CommandExecResizeResponse }
  readonly "process/spawn": { readonly params: Types.ProcessSpawnParams; readonly result: Types.ProcessSpawnResponse }
  readonly "process/writeStdin": { readonly params: Types.ProcessWriteStdinParams; readonly result: Types.ProcessWriteStdinResponse }
  readonly "process/kill": { readonly params: Types.ProcessKillParams; readonly result: Types.ProcessKillResponse }
  readonly "process/resizePty": { readonly params: Types.ProcessResizePtyParams; readonly result: Types.ProcessResizePtyResponse }
  readonly "config/read": { readonly params: Types.ConfigReadParams; readonly result: Types.ConfigReadResponse }
  readonly "externalAgentConfig/detect": { readonly params: Types.ExternalAgentConfigDetectParams; readonly result: Types.ExternalAgentConfigDetectResponse }
  readonly "externalAgentConfig/import": { readonly params: Types.ExternalAgentConfigImportParams; readonly result: Types.ExternalAgentConfigImportResponse }
  readonly "externalAgentConfig/import/recordHistory": { readonly params: Types.ExternalAgentConfigImportHistoryRecordParams; readonly result: Types.ExternalAgentConfigImportHistoryRecordResponse }
  readonly "externalAgentConfig/import/readHistories": { readonly params: undefined; readonly result: Types.ExternalAgentConfigImportHistoriesReadResponse }
  readonly "config/value/write": { readonly params: Types.ConfigValueWriteParams; readonly result: Types.ConfigWriteResponse }
  readonly "config/batchWrite": { readonly params: Types.ConfigBatchWriteParams; readonly result: Types.ConfigWriteResponse }
  readonly "configRequirements/read": { readonly params: undefined; readonly result: Types.ConfigRequirementsReadResponse }
  readonly "account/read": { readonly params: Types.GetAccountParams; readonly result: Types.GetAccountResponse }
  readonly "getConversationSummary": { readonly params: Types.GetConversationSummaryParams; readonly result: Types.GetConversationSummaryResponse }
  readonly "gitDiffToRemote": { readonly params: Types.GitDiffToRemoteParams; readonly result: Types.GitDiffToRemoteResponse }
  readonly "getAuthStatus": { readonly params: Types.GetAuthStatusParams; readonly result: Types.GetAuthStatusResponse }
  readonly "fuzzyFileSearch": { readonly params: Types.FuzzyFileSearchParams; readonly result: Types.FuzzyFileSearchResponse }
  readonly "fuzzyFileSearch/sessionStart": { readonly params: Types.FuzzyFileSearchSessionStartParams; readonly result: Types.FuzzyFileSearchSessionStartResponse }
  readonly "fuzzyFileSearch/sessionUpdate": { readonly params: Types.FuzzyFileSearchSessionUpdateParams; readonly result: Types.FuzzyFileSearchSessionUpdateResponse }
  readonly "fuzzyFileSearch/sessionStop": { readonly params: Types.FuzzyFileSearchSessionStopParams; readonly result: Types.FuzzyFileSearchSessionStopResponse }
}
export interface ServerRequests {
  readonly "item/commandExecution/requestApproval": { readonly params: Types.CommandExecutionRequestApprovalParams; readonly result: Types.CommandExecutionRequestApprovalResponse }
  readonly "item/fileChange/requestApproval": { readonly params: Types.FileChangeRequestApprovalParams; readonly result: Types.FileChangeRequestApprovalResponse }
  readonly "item/tool/requestUserInput": { readonly params: Types.ToolRequestUserInputParams; readonly result: Types.ToolRequestUserInputResponse }
  readonly "mcpServer/elicitation/request": { readonly params: Types.McpServerElicitationRequestParams; readonly result: Types.McpServerElicitationRequestResponse }
  readonly "item/permissions/requestApproval": { readonly params: Types.PermissionsRequestApprovalParams; readonly result: Types.PermissionsRequestApprovalResponse }
  readonly "item/tool/call": { readonly params: Types.DynamicToolCallParams; readonly result: Types.DynamicToolCallResponse }
  readonly "account/chatgptAuthTokens/refresh": { readonly params: Types.ChatgptAuthTokensRefreshParams; readonly result: Types.ChatgptAuthTokensRefreshResponse }
  readonly "attestation/generate": { readonly params: Types.AttestationGenerateParams; readonly result: Types.AttestationGenerateResponse }
  readonly "currentTime/read": { readonly params: Types.CurrentTimeReadParams; readonly result: Types.CurrentTimeReadResponse }
  readonly "applyPatchApproval": { readonly params: Types.ApplyPatchApprovalParams; readonly result: Types.ApplyPatchApprovalResponse }
  readonly "execCommandApproval": { readonly params: Types.ExecCommandApprovalParams; readonly result: Types.ExecCommandApprovalResponse }
}
export interface ServerNotifications {
  readonly "error": Types.ErrorNotification
  readonly "thread/started": Types.ThreadStartedNotification
  readonly "thread/status/changed": Types.ThreadStatusChangedNotification
  readonly "thread/readState/changed": Types.ThreadReadStateChangedNotification
  readonly "thread/archived": Types.ThreadArchivedNotification
  readonly "thread/deleted": Types.ThreadDeletedNotification
  readonly "thread/unarchived": Types.ThreadUnarchivedNotification
  readonly "thread/closed": Types.ThreadClosedNotification
  readonly "thread/reverted": Types.ThreadRevertedNotification
  readonly "skills/changed": Types.SkillsChangedNotification
  readonly "thread/name/updated": Types.ThreadNameUpdatedNotification
  readonly "thread/section/changed": Types.ThreadSectionChangedNotification
  readonly "thread/attachment/updated": Types.ThreadAttachmentUpdatedNotification
  readonly "thread/goal/updated": Types.ThreadGoalUpdatedNotification
  readonly "thread/prediction/updated": Types.ThreadPredictionUpdatedNotification
  readonly "thread/goal/cleared": Types.ThreadGoalClearedNotification
  readonly "thread/queue/changed": Types.ThreadQueueChangedNotification
  readonly "project/changed": Types.ProjectChangedNotification
  readonly "thread/project/updated": Types.ThreadProjectUpdatedNotification
  readonly "thread/environment/connected": Types.EnvironmentConnectionNotification
  readonly "thread/environment/disconnected": Types.EnvironmentConnectionNotification
  readonly "thread/settings/updated": Types.ThreadSettingsUpdatedNotification
  readonly "thread/tokenUsage/updated": Types.ThreadTokenUsageUpdatedNotification
  readonly "turn/started": Types.TurnStartedNotification
  readonly "hook/started": Types.HookStartedNotification
  readonly "turn/completed": Types.TurnCompletedNotification
  readonly "hook/completed": Types.HookCompletedNotification
  readonly "turn/diff/updated": Types.TurnDiffUpdatedNotification
  readonly "turn/plan/updated": Types.TurnPlanUpdatedNotification
  readonly "item/started": Types.ItemStartedNotification
  readonly "item/autoApprovalReview/started": Types.ItemGuardianApprovalReviewStartedNotification
  readonly "item/autoApprovalReview/completed": Types.ItemGuardianApprovalReviewCompletedNotification
  readonly "autoApprovalReview/strictReviewRequired": Types.StrictReviewRequiredNotification
  readonly "item/completed": Types.ItemCompletedNotification
  readonly "rawResponseItem/completed": Types.RawResponseItemCompletedNotification
  readonly "rawResponse/completed": Types.RawResponseCompletedNotification
  readonly "item/agentMessage/delta": Types.AgentMessageDeltaNotification
  readonly "item/plan/delta": Types.PlanDeltaNotification
  readonly "command/exec/outputDelta": Types.CommandExecOutputDeltaNotification
  readonly "process/outputDelta": Types.ProcessOutputDeltaNotification
  readonly "process/exited": Types.ProcessExitedNotification
  readonly "item/commandExecution/outputDelta": Types.CommandExecutionOutputDeltaNotification
  readonly "item/commandExecution/terminalInteraction": Types.TerminalInteractionNotification
  readonly "item/fileChange/outputDelta": Types.FileChangeOutputDeltaNotification
  readonly "item/fileChange/patchUpdated": Types.FileChangePatchUpdatedNotification
  readonly "serverRequest/resolved": Types.ServerRequestResolvedNotification
  readonly "item/mcpToolCall/progress": Types.McpToolCallProgressNotification
  readonly "mcpServer/oauthLogin/completed": Types.McpServerOauthLoginCompletedNotification
  readonly "mcpServer/startupStatus/updated": Types.McpServerStatusUpdatedNotification
  readonly "mcpServer/event/stream/notification": Types.McpServerEventStreamNotification
  readonly "account/updated": Types.AccountUpdatedNotification
  readonly "account/gatewayOAuth/changed": Types.GatewayOAuthChangedNotification
  readonly "account/rateLimits/updated": Types.AccountRateLimitsUpdatedNotification
  readonly "app/list/updated": Types.AppListUpdatedNotification
  readonly "remoteControl/status/changed": Types.RemoteControlStatusChangedNotification
  readonly "externalAgentConfig/import/progress": Types.ExternalAgentConfigImportProgressNotification
  readonly "externalAgentConfig/import/completed": Types.ExternalAgentConfigImportCompletedNotification
  readonly "fs/changed": Types.FsChangedNotification
  readonly "item/reasoning/summaryTextDelta": Types.ReasoningSummaryTextDeltaNotification
  readonly "item/reasoning/summaryPartAdded": Types.ReasoningSummaryPartAddedNotification
  readonly "item/reasoning/textDelta": Types.ReasoningTextDeltaNotification
  readonly "thread/compacted": Types.ContextCompactedNotification
  readonly "model/rerouted": Types.ModelReroutedNotification
  readonly "model/verification": Types.ModelVerificationNotification
  readonly "modelProvider/authRecoveryStarted": Types.AuthRecoveryNotification
  readonly "modelProvider/authRecoveryCompleted": Types.AuthRecoveryNotification
  readonly "turn/moderationMetadata": Types.TurnModerationMetadataNotification
  readonly "model/safetyBuffering/updated": Types.ModelSafetyBufferingUpdatedNotification
  readonly "warning": Types.WarningNotification
  readonly "guardianWarning": Types.GuardianWarningNotification
  readonly "deprecationNotice": Types.DeprecationNoticeNotification
  readonly "configWarning": Types.ConfigWarningNotification
  readonly "fuzzyFileSearch/sessionUpdated": Types.FuzzyFileSearchSessionUpdatedNotification
  readonly "fuzzyFileSearch/sessionCompleted": Types.FuzzyFileSearchSessionCompletedNotification
  readonly "thread/realtime/started": Types.ThreadRealtimeStartedNotification
  readonly "thread/realtime/itemAdded": Types.ThreadRealtimeItemAddedNotification
  readonly "thread/realtime/item/started": Types.ThreadRealtimeItemStartedNotification
  readonly "thread/realtime/item/transcript/delta": Types.ThreadRealtimeItemTranscriptDeltaNotification
  readonly "thread/realtime/item/completed": Types.ThreadRealtimeItemCompletedNotification
  readonly "thread/realtime/transcript/delta": Types.ThreadRealtimeTranscriptDeltaNotification
  readonly "thread/realtime/transcript/done": Types.ThreadRealtimeTranscriptDoneNotification
  readonly "thread/realtime/outputAudio/delta": Types.ThreadRealtimeOutputAudioDeltaNotification
  readonly "thread/realtime/sdp": Types.ThreadRealtimeSdpNotification
  readonly "thread/realtime/error": Types.ThreadRealtimeErrorNotification
  readonly "thread/realtime/closed": Types.ThreadRealtimeClosedNotification
  readonly "windows/worldWritableWarning": Types.WindowsWorldWritableWarningNotification
  readonly "windowsSandbox/setupCompleted": Types.WindowsSandboxSetupCompletedNotification
  readonly "account/login/completed": Types.AccountLoginCompletedNotification
}
export const notificationMethods: ReadonlyArray<keyof ServerNotifications> = [
  "error",
  "thread/started",
  "thread/status/changed",
  "thread/readState/changed",
  "thread/archived",
  "thread/deleted",
  "thread/unarchived",
  "thread/closed",
  "thread/reverted",
  "skills/changed",
  "thread/name/updated",
  "thread/section/changed",
  "thread/attachment/updated",
  "thread/goal/updated",
  "thread/prediction/updated",
  "thread/goal/cleared",
  "thread/queue/changed",
  "project/changed",
  "thread/project/updated",
  "thread/environment/connected",
  "thread/environment/disconnected",
  "thread/settings/updated",
  "thread/tokenUsage/updated",
  "turn/started",
  "hook/started",
  "turn/completed",
  "hook/completed",
  "turn/diff/updated",
  "turn/plan/updated",
  "item/started",
  "item/autoApprovalReview/started",
  "item/autoApprovalReview/completed",
  "autoApprovalReview/strictReviewRequired",
  "item/completed",
  "rawResponseItem/completed",
  "rawResponse/completed",
  "item/agentMessage/delta",
  "item/plan/delta",
  "command/exec/outputDelta",
  "process/outputDelta",
  "process/exited",
  "item/commandExecution/outputDelta",
  "item/commandExecution/terminalInteraction",
  "item/fileChange/outputDelta",
  "item/fileChange/patchUpdated",
  "serverRequest/resolved",
  "item/mcpToolCall/progress",
  "mcpServer/oauthLogin/completed",
  "mcpServer/startupStatus/updated",
  "mcpServer/event/stream/notification",
  "account/updated",
  "account/gatewayOAuth/changed",
  "account/rateLimits/updated",
  "app/list/updated",
  "remoteControl/status/changed",
  "externalAgentConfig/import/progress",
  "externalAgentConfig/import/completed",
  "fs/changed",
  "item/reasoning/summaryTextDelta",
  "item/reasoning/summaryPartAdded",
  "item/reasoning/textDelta",
  "thread/compacted",
  "model/rerouted",
  "model/verification",
  "modelProvider/authRecoveryStarted",
  "modelProvider/authRecoveryCompleted",
  "turn/moderationMetadata",
  "model/safetyBuffering/updated",
  "warning",
  "guardianWarning",
  "deprecationNotice",
  "configWarning",
  "fuzzyFileSearch/sessionUpdated",
  "fuzzyFileSearch/sessionCompleted",
  "thread/realtime/started",
  "thread/realtime/itemAdded",
  "thread/realtime/item/started",
  "thread/realtime/item/transcript/delta",
  "thread/realtime/item/completed",
  "thread/realtime/transcript/delta",
  "thread/realtime/transcript/done",
  "thread/realtime/outputAudio/delta",
  "thread/realtime/sdp",
  "thread/realtime/error",
  "thread/realtime/closed",
  "windows/worldWritableWarning",
  "windowsSandbox/setupCompleted",
  "account/login/completed"
]

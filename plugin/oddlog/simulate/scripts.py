"""What Windows programs call over DCE-RPC, in the names Zeek gives to endpoints and operations."""

from __future__ import annotations

from oddlog.simulate.sessions import Script

__all__ = ["Script"]

LSASS, SAMR, SRVSVC, WKSSVC = r"\pipe\lsass", r"\PIPE\samr", r"\PIPE\srvsvc", r"\PIPE\wkssvc"
SERVICES, TASKS, SPOOLER, REGISTRY = r"\pipe\ntsvcs", r"\PIPE\atsvc", r"\pipe\spoolss", r"\PIPE\winreg"
CLASS_FACTORY = "unknown-9f6c78ef-fce5-42fa-abea-3e7df91921dc"

NETLOGON: Script = (
    ("", "netlogon", "NetrServerReqChallenge", 1, 1),
    ("", "netlogon", "NetrServerAuthenticate3", 1, 1),
    ("", "netlogon", "NetrLogonGetCapabilities", 1, 1),
    ("", "netlogon", "NetrLogonGetDomainInfo", 0, 1),
)
OLD_NETLOGON: Script = (
    ("", "netlogon", "NetrServerReqChallenge", 1, 2),
    ("", "netlogon", "NetrServerAuthenticate2", 1, 1),
    ("", "netlogon", "NetrServerPasswordSet2", 0, 1),
)
MACHINE_PASSWORD: Script = (
    ("", "netlogon", "NetrServerReqChallenge", 1, 1),
    ("", "netlogon", "NetrServerAuthenticate3", 1, 1),
    ("", "netlogon", "NetrServerPasswordSet2", 1, 1),
)
PASS_THROUGH: Script = (
    ("", "netlogon", "NetrLogonSamLogonWithFlags", 1, 3),
    ("", "netlogon", "NetrLogonSamLogonEx", 0, 1),
)
FIND_DC: Script = (("", "netlogon", "DsrGetDcNameEx2", 0, 1), ("", "netlogon", "DsrEnumerateDomainTrusts", 1, 1))
CRACK_NAMES: Script = (
    ("", "drsuapi", "DRSBind", 1, 1),
    ("", "drsuapi", "DRSCrackNames", 1, 3),
    ("", "drsuapi", "DRSUnbind", 1, 1),
)
REPLICATE: Script = (
    ("", "drsuapi", "DRSBind", 1, 1),
    ("", "drsuapi", "DRSDomainControllerInfo", 0, 1),
    ("", "drsuapi", "DRSCrackNames", 0, 1),
    ("", "drsuapi", "DRSGetNCChanges", 1, 4),
    ("", "drsuapi", "DRSUnbind", 1, 1),
)
REPLICA_NEWS: Script = (("", "drsuapi", "DRSReplicaSync", 1, 2),)
REPLICA_UPKEEP: Script = (
    ("", "drsuapi", "DRSVerifyNames", 1, 2),
    ("", "drsuapi", "DRSUpdateRefs", 1, 1),
    ("", "drsuapi", "DRSReplicaAdd", 0, 1),
)
LOOK_UP: Script = (
    ("", "lsarpc", "LsarLookupNames4", 0, 1),
    ("", "lsarpc", "LsarLookupSids3", 1, 2),
)
LOOK_UP_BY_PIPE: Script = (
    (LSASS, "lsarpc", "LsarOpenPolicy2", 1, 1),
    (LSASS, "lsarpc", "LsarQueryInformationPolicy2", 0, 1),
    (LSASS, "lsarpc", "LsarLookupNames3", 0, 1),
    (LSASS, "lsarpc", "LsarLookupNames", 0, 1),
    (LSASS, "lsarpc", "LsarLookupSids2", 0, 1),
    (LSASS, "lsarpc", "LsarGetUserName", 0, 1),
    (LSASS, "lsarpc", "LsarClose", 1, 1),
)
GROUPS_OF_USER: Script = (
    (LSASS, "samr", "SamrConnect2", 0, 1),
    (LSASS, "samr", "SamrConnect5", 1, 1),
    (LSASS, "samr", "SamrEnumerateDomainsInSamServer", 1, 1),
    (LSASS, "samr", "SamrLookupDomainInSamServer", 1, 1),
    (LSASS, "samr", "SamrOpenDomain", 1, 2),
    (LSASS, "samr", "SamrLookupNamesInDomain", 1, 1),
    (LSASS, "samr", "SamrOpenUser", 1, 1),
    (LSASS, "samr", "SamrQueryInformationUser", 1, 1),
    (LSASS, "samr", "SamrGetGroupsForUser", 0, 1),
    (LSASS, "samr", "SamrQuerySecurityObject", 0, 1),
    (LSASS, "samr", "SamrCloseHandle", 2, 4),
)
CHANGE_PASSWORD: Script = (
    (LSASS, "samr", "SamrConnect5", 1, 1),
    (LSASS, "samr", "SamrGetDomainPasswordInformation", 0, 1),
    (LSASS, "samr", "SamrUnicodeChangePasswordUser2", 1, 1),
)
ENUMERATE_ACCOUNTS: Script = (
    (SAMR, "samr", "SamrConnect5", 1, 1),
    (SAMR, "samr", "SamrEnumerateDomainsInSamServer", 1, 1),
    (SAMR, "samr", "SamrLookupDomainInSamServer", 1, 2),
    (SAMR, "samr", "SamrOpenDomain", 1, 2),
    (SAMR, "samr", "SamrEnumerateUsersInDomain", 1, 5),
    (SAMR, "samr", "SamrEnumerateGroupsInDomain", 0, 1),
    (SAMR, "samr", "SamrEnumerateAliasesInDomain", 0, 1),
    (SAMR, "samr", "SamrQueryDisplayInformation", 0, 1),
    (SAMR, "samr", "SamrOpenAlias", 0, 1),
    (SAMR, "samr", "SamrGetMembersInAlias", 0, 1),
    (SAMR, "samr", "SamrCloseHandle", 2, 4),
)
SAMBA_ACCOUNTS: Script = (
    (LSASS, "samr", "SamrConnect", 0, 1),
    (LSASS, "samr", "SamrConnect2", 0, 1),
    (LSASS, "samr", "SamrLookupDomainInSamServer", 1, 1),
    (LSASS, "samr", "SamrOpenDomain", 1, 1),
    (LSASS, "samr", "SamrLookupNamesInDomain", 1, 2),
    (LSASS, "samr", "SamrOpenUser", 0, 1),
    (LSASS, "samr", "SamrGetAliasMembership", 0, 1),
    (LSASS, "samr", "SamrCloseHandle", 1, 3),
)
GROUP_MEMBERS: Script = (
    (LSASS, "samr", "SamrConnect5", 1, 1),
    (LSASS, "samr", "SamrEnumerateDomainsInSamServer", 1, 1),
    (LSASS, "samr", "SamrLookupDomainInSamServer", 1, 1),
    (LSASS, "samr", "SamrOpenDomain", 1, 2),
    (LSASS, "samr", "SamrEnumerateUsersInDomain", 0, 1),
    (LSASS, "samr", "SamrLookupNamesInDomain", 1, 1),
    (LSASS, "samr", "SamrOpenGroup", 1, 1),
    (LSASS, "samr", "SamrQueryInformationGroup", 1, 1),
    (LSASS, "samr", "SamrGetMembersInGroup", 1, 1),
    (LSASS, "samr", "SamrLookupIdsInDomain", 1, 1),
    (LSASS, "samr", "SamrCloseHandle", 3, 5),
    (LSASS, "lsarpc", "LsarOpenPolicy2", 1, 1),
    (LSASS, "lsarpc", "LsarEnumerateTrustedDomains", 0, 1),
    (LSASS, "lsarpc", "LsarClose", 1, 1),
)
SHARES: Script = (
    (SRVSVC, "srvsvc", "NetrServerGetInfo", 0, 1),
    (SRVSVC, "srvsvc", "NetrShareEnum", 0, 1),
    (SRVSVC, "srvsvc", "NetrShareGetInfo", 1, 2),
)
WHO_IS_THERE: Script = (
    (SRVSVC, "srvsvc", "NetrServerGetInfo", 1, 1),
    (SRVSVC, "srvsvc", "NetrShareEnum", 1, 1),
    (SRVSVC, "srvsvc", "NetrSessionEnum", 1, 1),
    (WKSSVC, "wkssvc", "NetrWkstaGetInfo", 0, 1),
    (WKSSVC, "wkssvc", "NetrWkstaUserEnum", 1, 1),
)
DFS: Script = ((r"\PIPE\netdfs", "netdfs", "NetrDfsGetInfo", 1, 2),)
MAP_ENDPOINTS: Script = (("", "epmapper", "ept_lookup", 3, 12),)
PRINT: Script = (
    (SPOOLER, "spoolss", "RpcOpenPrinter", 1, 1),
    (SPOOLER, "spoolss", "RpcGetPrinter", 1, 2),
    (SPOOLER, "spoolss", "RpcGetPrinterDriver2", 0, 1),
    (SPOOLER, "spoolss", "RpcStartDocPrinter", 0, 1),
    (SPOOLER, "spoolss", "RpcWritePrinter", 0, 4),
    (SPOOLER, "spoolss", "RpcEndDocPrinter", 0, 1),
    (SPOOLER, "spoolss", "RpcClosePrinter", 1, 1),
)
PRINT_BY_PORT: Script = (
    ("", "IRemoteWinspool", "RpcAsyncOpenPrinter", 1, 1),
    ("", "IRemoteWinspool", "RpcAsyncGetPrinter", 1, 2),
    ("", "IRemoteWinspool", "RpcAsyncEnumJobs", 0, 1),
    ("", "IRemoteWinspool", "RpcAsyncClosePrinter", 1, 1),
)
ADD_DRIVER: Script = (
    (SPOOLER, "spoolss", "RpcEnumPrinterDrivers", 1, 1),
    (SPOOLER, "spoolss", "RpcAddPrinterDriverEx", 1, 1),
    (SPOOLER, "spoolss", "RpcClosePrinter", 1, 1),
)
REGISTRY_READ: Script = (
    (REGISTRY, "winreg", "OpenLocalMachine", 1, 1),
    (REGISTRY, "winreg", "BaseRegOpenKey", 1, 4),
    (REGISTRY, "winreg", "BaseRegQueryValue", 1, 8),
    (REGISTRY, "winreg", "BaseRegEnumKey", 0, 6),
    (REGISTRY, "winreg", "BaseRegCloseKey", 1, 4),
)
EVENTS: Script = (
    (r"\PIPE\eventlog", "eventlog", "ElfrOpenELW", 1, 1),
    (r"\PIPE\eventlog", "eventlog", "ElfrReadELW", 2, 12),
    (r"\PIPE\eventlog", "eventlog", "ElfrCloseEL", 1, 1),
)
SNAPSHOT: Script = (
    (r"\PIPE\FssagentRpc", "FileServerVssAgent", "GetSupportedVersion", 1, 1),
    (r"\PIPE\FssagentRpc", "FileServerVssAgent", "StartShadowCopySet", 1, 1),
    (r"\PIPE\FssagentRpc", "FileServerVssAgent", "AddToShadowCopySet", 1, 3),
    (r"\PIPE\FssagentRpc", "FileServerVssAgent", "CommitShadowCopySet", 1, 1),
    (r"\PIPE\FssagentRpc", "FileServerVssAgent", "ExposeShadowCopySet", 0, 1),
)
SERVICE_STATUS: Script = (
    (SERVICES, "svcctl", "OpenSCManagerW", 0, 1),
    (SERVICES, "svcctl", "OpenSCManager2", 1, 1),
    (SERVICES, "svcctl", "EnumServicesStatusW", 0, 1),
    (SERVICES, "svcctl", "OpenServiceW", 1, 3),
    (SERVICES, "svcctl", "QueryServiceStatus", 1, 3),
    (SERVICES, "svcctl", "GetServiceDisplayNameW", 0, 1),
    (SERVICES, "svcctl", "GetServiceKeyNameW", 0, 1),
    (SERVICES, "svcctl", "EnumDependentServicesW", 0, 1),
    (SERVICES, "svcctl", "CloseServiceHandle", 2, 4),
)
SERVICE_RESTART: Script = (
    (SERVICES, "svcctl", "OpenSCManagerW", 1, 1),
    (SERVICES, "svcctl", "OpenServiceW", 1, 1),
    (SERVICES, "svcctl", "OpenServiceA", 0, 1),
    (SERVICES, "svcctl", "ControlService", 1, 1),
    (SERVICES, "svcctl", "QueryServiceStatus", 1, 4),
    (SERVICES, "svcctl", "StartServiceW", 1, 1),
    (SERVICES, "svcctl", "CloseServiceHandle", 2, 2),
)
SERVICE_STATUS_BY_PORT: Script = (
    ("", "svcctl", "OpenSCManager2", 1, 1),
    ("", "svcctl", "OpenServiceW", 0, 1),
    ("", "svcctl", "CloseServiceHandle", 1, 2),
)
REMOTE_SERVICE: Script = (
    (SERVICES, "svcctl", "OpenSCManagerW", 1, 1),
    (SERVICES, "svcctl", "CreateServiceW", 1, 1),
    (SERVICES, "svcctl", "StartServiceW", 1, 1),
    (SERVICES, "svcctl", "QueryServiceStatus", 0, 4),
    (SERVICES, "svcctl", "ControlService", 0, 1),
    (SERVICES, "svcctl", "DeleteService", 1, 1),
    (SERVICES, "svcctl", "CloseServiceHandle", 1, 2),
)
REMOTE_SERVICE_OLD: Script = (
    (SERVICES, "svcctl", "OpenSCManagerW", 1, 1),
    (SERVICES, "svcctl", "CreateServiceA", 1, 1),
    (SERVICES, "svcctl", "OpenServiceA", 0, 1),
    (SERVICES, "svcctl", "StartServiceA", 0, 1),
    (SERVICES, "svcctl", "CloseServiceHandle", 1, 2),
)
REMOTE_TASK: Script = (
    (TASKS, "ITaskSchedulerService", "SchRpcRegisterTask", 1, 1),
    (TASKS, "ITaskSchedulerService", "SchRpcRun", 1, 1),
    (TASKS, "ITaskSchedulerService", "SchRpcGetLastRunInfo", 1, 3),
    (TASKS, "ITaskSchedulerService", "SchRpcEnumTasks", 0, 1),
    (TASKS, "ITaskSchedulerService", "SchRpcDelete", 1, 1),
)
OLD_TASKS: Script = ((TASKS, "atsvc", "NetrJobEnum", 1, 1), (TASKS, "atsvc", "NetrJobAdd", 0, 1))
ACTIVATE: Script = (
    ("", "IObjectExporter", "ServerAlive2", 0, 1),
    ("", "IRemoteSCMActivator", "RemoteCreateInstance", 1, 1),
    ("", "IRemoteSCMActivator", "RemoteGetClassObject", 0, 1),
    ("", "IObjectExporter", "ResolveOxid2", 0, 1),
)
KEEP_ALIVE: Script = (
    ("", "IObjectExporter", "SimplePing", 0, 1),
    ("", "IObjectExporter", "ComplexPing", 1, 1),
)
WMI: Script = (
    ("", "IWbemLoginClientID", "unknown-3", 1, 1),
    ("", "IWbemLevel1Login", "EstablishPosition", 1, 1),
    ("", "IWbemLevel1Login", "NTLMLogin", 1, 1),
    ("", CLASS_FACTORY, "unknown-3", 1, 1),
    ("", "IRemUnknown2", "RemQueryInterface", 2, 5),
    ("", "IWbemServices", "GetObject", 0, 2),
    ("", "IWbemServices", "ExecQuery", 0, 2),
    ("", "IWbemServices", "ExecMethod", 0, 1),
    ("", "IWbemFetchSmartEnum interface", "unknown-3", 0, 2),
    ("", "IWbemWCOSmartEnum interface", "unknown-3", 0, 4),
    ("", "IWbemCallResult interface", "unknown-4", 0, 1),
    ("", "IWbemCallResult interface", "unknown-6", 0, 1),
    ("", "IRemUnknown2", "RemRelease", 2, 5),
)
WMI_WRITE: Script = (
    ("", "IWbemLoginClientID", "unknown-3", 1, 1),
    ("", "IWbemLevel1Login", "NTLMLogin", 1, 1),
    ("", "IWbemServices", "GetObject", 1, 2),
    ("", "IWbemServices", "PutInstance", 1, 3),
    ("", "IWbemServices", "DeleteClass", 0, 3),
    ("", "IRemUnknown2", "RemRelease", 1, 3),
)
DCOM: Script = (
    ("", "IRemUnknown2", "RemQueryInterface", 1, 2),
    ("", "IDispatch", "GetIDsOfNames", 1, 2),
    ("", "unknown-00000001-0000-0000-c000-000000000046", "unknown-3", 0, 1),
    ("", "IRemUnknown2", "RemRelease", 1, 2),
)
MASTER_KEYS: Script = (
    (LSASS, "lsarpc", "LsarOpenPolicy2", 1, 1),
    (LSASS, "lsarpc", "LsarRetrievePrivateData", 1, 4),
    (LSASS, "lsarpc", "LsarClose", 1, 1),
)
BACKUP_KEY: Script = ((LSASS, "BackupKey", "bkrp_BackupKey", 1, 1),)
PROMOTION_STATE: Script = ((r"\PIPE\lsass", "dssetup", "DsRolerGetPrimaryDomainInformation", 1, 1),)
DNS_ADMIN: Script = (("", "dnsserver", "DnssrvEnumRecords2", 1, 4), ("", "dnsserver", "DnssrvQuery2", 1, 2))
MAILBOX: Script = (
    ("", "nspi", "NspiBind", 0, 1),
    ("", "exchange_mapi", "EcDoConnect", 1, 1),
    ("", "exchange_mapi", "EcDoRpc", 2, 9),
    ("", "exchange_mapi", "EcRRegisterPushNotification", 0, 1),
)

"""Operations that attackers use, what for, and by which name MITRE ATT&CK knows it. An explanation, never a reason.

After the lists of MITRE's BZAR (https://github.com/mitre-attack/bzar, scripts/bzar_dce-rpc_consts.zeek), in the names
that Zeek itself writes (scripts/base/protocols/dce-rpc/consts.zeek): its ``atsvc`` has ``NetrJobAdd``. Beyond BZAR:
coercion (MS-RPRN, MS-PAR, MS-EFSR, MS-DFSNM, MS-FSRVP), Zerologon (CVE-2020-1472), secrets and backup keys (MS-LSAD,
MS-BKRP), the remote registry (MS-RRP), and what ATT&CK has added since. Interfaces that Zeek has no name for stand
there by their UUID.
"""

from __future__ import annotations

from typing import NamedTuple

from oddlog_core.features.calls import interface_name, operation_name

__all__ = ["SENSITIVE", "Technique", "technique"]

ANY = "*"


class Technique(NamedTuple):
    """What an operation is used for.

    Attributes
    ----------
    name : str
        What attackers do with it, in few words.
    id : str
        ATT&CK's number, or two.
    """

    name: str
    id: str


_USES: dict[Technique, dict[str, str]] = {
    Technique("DCSync", "T1003.006"): {"drsuapi": "DRSGetNCChanges DRSReplicaSync"},
    Technique("DCShadow", "T1207"): {"drsuapi": "DRSAddEntry DRSReplicaAdd"},
    Technique("reading LSA secrets", "T1003.004"): {
        "lsarpc": "LsarRetrievePrivateData LsarQuerySecret LsarOpenSecret",
    },
    Technique("fetching the domain's backup key", "T1552.004"): {"BackupKey": "bkrp_BackupKey"},
    Technique("saving registry hives", "T1003.002"): {"winreg": "BaseRegSaveKey BaseRegSaveKeyEx"},
    Technique("creating a service", "T1543.003, T1569.002"): {
        "svcctl": "CreateServiceW CreateServiceA CreateServiceWOW64W CreateServiceWOW64A ChangeServiceConfigW "
        "ChangeServiceConfigA",
    },
    Technique("starting a service", "T1569.002"): {"svcctl": "StartServiceW StartServiceA"},
    Technique("stopping a service", "T1489"): {
        "svcctl": "ControlService ControlServiceExW ControlServiceExA DeleteService",
    },
    Technique("listing services", "T1007"): {
        "svcctl": "EnumServicesStatusW EnumServicesStatusA EnumServicesStatusExW EnumServicesStatusExA",
    },
    Technique("scheduling a task", "T1053.005"): {
        "ITaskSchedulerService": "SchRpcRegisterTask SchRpcRun SchRpcEnableTask",
    },
    Technique("scheduling a task by at", "T1053.002"): {"atsvc": "NetrJobAdd"},
    Technique("running code by WMI", "T1047"): {"IWbemServices": "ExecMethod ExecMethodAsync"},
    Technique("subscribing to WMI events", "T1546.003"): {"IWbemServices": "PutInstance PutInstanceAsync"},
    Technique("querying by WMI", "T1047"): {
        "IWbemServices": "ExecQuery ExecQueryAsync ExecNotificationQuery ExecNotificationQueryAsync",
    },
    Technique("activating a DCOM object", "T1021.003"): {
        "IRemoteSCMActivator": "RemoteCreateInstance RemoteGetClassObject",
        "IActivation": "RemoteActivation",
        "IDispatch": ANY,
    },
    Technique("writing the registry", "T1112"): {
        "winreg": "BaseRegSetValue BaseRegCreateKey BaseRegDeleteKey BaseRegDeleteValue BaseRegDeleteKeyEx",
    },
    Technique("reading the registry", "T1012"): {
        "winreg": "BaseRegQueryValue BaseRegEnumKey BaseRegEnumValue BaseRegOpenKey",
    },
    Technique("installing a printer driver", "T1547.012"): {
        "spoolss": "RpcAddPrinterDriver RpcAddPrinterDriverEx RpcAddPrintProcessor",
        "IRemoteWinspool": "RpcAsyncAddPrinterDriver RpcAsyncInstallPrinterDriverFromPackage RpcAsyncAddPrintProcessor",
    },
    Technique("adding a port monitor", "T1547.010"): {
        "spoolss": "RpcAddMonitor",
        "IRemoteWinspool": "RpcAsyncAddMonitor",
    },
    Technique("forcing a host to log on elsewhere", "T1187"): {
        "spoolss": "RpcRemoteFindFirstPrinterChangeNotification RpcRemoteFindFirstPrinterChangeNotificationEx",
        "IRemoteWinspool": "RpcSyncRegisterForRemoteNotifications",
        "netdfs": "NetrDfsAddStdRoot NetrDfsRemoveStdRoot NetrDfsAddStdRootForced",
        "efsrpc": ANY,
        "unknown-c681d488-d850-11d0-8c52-00c04fd90f7e": ANY,
        "unknown-df1941c5-fe89-4e79-bf10-463657acf44d": ANY,
        "unknown-a8e0653c-2744-4389-a61d-7373df8b2292": ANY,
    },
    Technique("Zerologon, if many", "T1210"): {
        "netlogon": "NetrServerReqChallenge NetrServerAuthenticate NetrServerAuthenticate2 NetrServerAuthenticate3",
    },
    Technique("setting a machine's password", "T1098"): {"netlogon": "NetrServerPasswordSet NetrServerPasswordSet2"},
    Technique("setting an account", "T1098"): {
        "samr": "SamrSetInformationUser SamrSetInformationUser2 SamrAddMemberToGroup SamrAddMemberToAlias "
        "SamrAddMultipleMembersToAlias",
        "drsuapi": "DRSAddSidHistory DRSWriteSPN",
    },
    Technique("creating an account", "T1136.002"): {"samr": "SamrCreateUserInDomain SamrCreateUser2InDomain"},
    Technique("listing accounts", "T1087.002"): {
        "samr": "SamrEnumerateUsersInDomain SamrEnumerateAliasesInDomain SamrQueryDisplayInformation "
        "SamrQueryDisplayInformation2 SamrQueryDisplayInformation3 SamrLookupNamesInDomain SamrLookupIdsInDomain "
        "SamrQueryInformationUser SamrQueryInformationUser2",
        "lsarpc": "LsarEnumerateAccounts LsarLookupNames LsarLookupNames2 LsarLookupNames3 LsarLookupNames4 "
        "LsarLookupSids LsarLookupSids2 LsarLookupSids3",
        "drsuapi": "DRSCrackNames",
        "nspi": "NspiQueryRows NspiGetMatches",
    },
    Technique("listing groups", "T1069.002"): {
        "samr": "SamrEnumerateGroupsInDomain SamrGetMembersInGroup SamrGetMembersInAlias SamrGetGroupsForUser "
        "SamrGetAliasMembership SamrQueryInformationGroup SamrQueryInformationAlias",
        "lsarpc": "LsarEnumerateAccountRights LsarEnumerateAccountsWithUserRight LsarEnumeratePrivilegesAccount",
    },
    Technique("listing sessions", "T1049"): {"srvsvc": "NetrSessionEnum NetrConnectionEnum"},
    Technique("listing who is logged on", "T1033"): {
        "wkssvc": "NetrWkstaUserEnum",
        "lsarpc": "LsarGetUserName",
        "winstation_rpc": "RpcWinStationEnumerate",
    },
    Technique("listing shares", "T1135"): {"srvsvc": "NetrShareEnum NetrShareEnumSticky NetrShareGetInfo"},
    Technique("listing open files", "T1083"): {"srvsvc": "NetrFileEnum"},
    Technique("listing hosts", "T1018"): {
        "srvsvc": "NetrServerGetInfo NetrServerAliasEnum",
        "wkssvc": "NetrWkstaGetInfo",
        "drsuapi": "DRSDomainControllerInfo",
        "dnsserver": "DnssrvEnumRecords DnssrvEnumRecords2",
    },
    Technique("listing interfaces", "T1046"): {"epmapper": "ept_lookup", "mgmt": "inq_if_ids"},
    Technique("listing network settings", "T1016"): {
        "srvsvc": "NetrServerTransportEnum",
        "wkssvc": "NetrWkstaTransportEnum",
    },
    Technique("listing trusts", "T1482"): {
        "netlogon": "DsrEnumerateDomainTrusts NetrEnumerateTrustedDomains NetrEnumerateTrustedDomainsEx",
        "lsarpc": "LsarEnumerateTrustedDomains LsarEnumerateTrustedDomainsEx LsarQueryInfoTrustedDomain",
    },
    Technique("reading policies", "T1201"): {
        "samr": "SamrQueryInformationDomain SamrQueryInformationDomain2 SamrGetDomainPasswordInformation "
        "SamrGetUserDomainPasswordInformation",
    },
    Technique("asking the time", "T1124"): {"srvsvc": "NetrRemoteTOD"},
    Technique("clearing event logs", "T1070.001"): {"eventlog": "ElfrClearELFW ElfrClearELFA"},
    Technique("shutting a host down", "T1529"): {
        "winreg": "BaseInitiateSystemShutdown BaseInitiateSystemShutdownEx",
        "InitShutdown": "BaseInitiateShutdown BaseInitiateShutdownEx",
        "WindowsShutdown": "WsdrInitiateShutdown",
        "winstation_rpc": "RpcWinStationShutdownSystem",
    },
    Technique("starting a process as another user", "T1134.002"): {
        "ISeclogon": "SeclCreateProcessWithLogonW SeclCreateProcessWithLogonExW",
    },
}

SENSITIVE: dict[tuple[str, str], Technique] = {
    (interface_name(interface), operation_name(operation)): use
    for use, by_interface in _USES.items()
    for interface, operations in by_interface.items()
    for operation in operations.split()
}
"""By interface and operation in the spelling of `oddlog_core.features.calls`; ``*`` stands for every operation."""


def technique(call: str) -> Technique | None:
    """What a call is used for by attackers, if it is known for it; named as ``drsuapi DRSGetNCChanges``."""
    interface, _, operation = call.rpartition(" ")
    interface = interface_name(interface)
    return SENSITIVE.get((interface, operation_name(operation))) or SENSITIVE.get((interface, ANY))

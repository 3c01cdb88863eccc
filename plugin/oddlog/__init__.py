"""oddlog points out the odd records in Zeek's conn, ntlm and dce_rpc logs."""

__all__ = ["__version__"]

__version__ = "0.1.0"

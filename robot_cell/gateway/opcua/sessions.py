"""Who comes in by OPC UA, and what a session may ask: the gateway's tokens and roles, its trail.

A session needs an encrypted channel and a token as its password; the user name is not looked at.
What asyncua leaves open is shut here: a channel without security carries discovery only, a session
is never taken over by another connection, and nobody registers servers with this one.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import PermissionRuleset, User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession

from robot_cell.errors import RobotCellError
from robot_cell.gateway.access import Access, Caller, check_role
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.tokens import Role

MOST_SESSIONS: Final = 100
_READING: Final = (
    ua.ObjectIds.ReadRequest_Encoding_DefaultBinary,
    ua.ObjectIds.BrowseRequest_Encoding_DefaultBinary,
    ua.ObjectIds.TranslateBrowsePathsToNodeIdsRequest_Encoding_DefaultBinary,
    ua.ObjectIds.RegisterNodesRequest_Encoding_DefaultBinary,
    ua.ObjectIds.UnregisterNodesRequest_Encoding_DefaultBinary,
    ua.ObjectIds.CreateSubscriptionRequest_Encoding_DefaultBinary,
    ua.ObjectIds.ModifySubscriptionRequest_Encoding_DefaultBinary,
    ua.ObjectIds.DeleteSubscriptionsRequest_Encoding_DefaultBinary,
    ua.ObjectIds.CreateMonitoredItemsRequest_Encoding_DefaultBinary,
    ua.ObjectIds.ModifyMonitoredItemsRequest_Encoding_DefaultBinary,
    ua.ObjectIds.DeleteMonitoredItemsRequest_Encoding_DefaultBinary,
    ua.ObjectIds.SetMonitoringModeRequest_Encoding_DefaultBinary,
    ua.ObjectIds.SetPublishingModeRequest_Encoding_DefaultBinary,
    ua.ObjectIds.PublishRequest_Encoding_DefaultBinary,
    ua.ObjectIds.RepublishRequest_Encoding_DefaultBinary,
    ua.ObjectIds.CloseSecureChannelRequest_Encoding_DefaultBinary,
)
_CALL: Final = ua.ObjectIds.CallRequest_Encoding_DefaultBinary
_ALLOWED: Final = frozenset(ua.NodeId(one) for one in (*_READING, _CALL))
"""What sessions may ask at all. Nothing is written: what may be done is a method, and each method
checks the role for itself."""

_peer: ContextVar[str] = ContextVar("opcua_peer", default="unknown")
_user: ContextVar[TokenUser | None] = ContextVar("opcua_user", default=None)


@dataclass
class TokenUser(User):
    """Who has logged in.

    Attributes:
        caller: None for whoever reads without a token.
    """

    caller: Caller | None = None
    address: str = "unknown"

    @property
    def who(self) -> str:
        """As the audit trail names them."""
        if self.caller is None:
            return f"nobody known from {self.address}"
        return self.caller.who


class Door:
    """Lets people in, and writes down whom it refused.

    Args:
        anonymous_reading: whether one may read without a token.
    """

    def __init__(self, access: Access, *, anonymous_reading: bool) -> None:
        self._access, self._anonymous = access, anonymous_reading

    def get_user(
        self,
        iserver: InternalServer,
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,
    ) -> User | None:
        """Who logs in; None is refused. Called by asyncua."""
        del iserver, username, certificate
        address = _peer.get()
        if password is None and self._anonymous:
            return TokenUser(UserRole.User, "anonymous", None, address)
        try:
            caller = self._access.caller(password, address)
        except Problem as problem:
            self.refused(f"nobody known from {address}", "log in", address, problem.status)
            return None
        except RobotCellError:
            return None
        return TokenUser(UserRole.User, caller.who, caller, address)

    def still_open(self, user: object) -> bool:
        """Whether a session may go on: its token is not void by now."""
        if not isinstance(user, TokenUser):
            return False
        return self._anonymous if user.caller is None else self._access.still_valid(user.caller)

    def caller(self, role: Role, what: str) -> Caller:
        """Who calls the method that is being carried out, if they may.

        Raises:
            Problem: they may not; it is in the audit trail.
        """
        user = _user.get()
        who, address = ("nobody", "unknown") if user is None else (user.who, user.address)
        try:
            if user is None or user.caller is None:
                raise Problem("unauthorised", "this needs a token: log in with one as the password")
            check_role(user.caller, role)
        except Problem as problem:
            self.refused(who, what, address, problem.status)
            raise
        return user.caller

    def refused(self, who: str, what: str, address: str, status: int) -> None:
        """Write a refusal down."""
        self._access.trail.refused(who, f"OPC UA {what}", status=status, address=address)


class Rules(PermissionRuleset):
    """What asyncua asks before it does what a session wants."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def check_validity(self, user: User, action_type_id: ua.NodeId, body: object) -> bool:
        """Whether this user may ask this."""
        del body
        who, address = "nobody", "unknown"
        if isinstance(user, TokenUser):
            who, address = user.who, user.address
        if action_type_id in _ALLOWED and self._door.still_open(user):
            return True
        what = ua.ObjectIdNames.get(action_type_id.Identifier, str(action_type_id))
        self._door.refused(who, what.partition("_")[0], address, 403)
        return False


class PlantSession(InternalSession):
    """A session that came over a channel with security, and whose methods know who calls them."""

    def activate_session(
        self, params: ua.ActivateSessionParameters, peer_certificate: bytes | None
    ) -> ua.ActivateSessionResult:
        """Log in.

        Raises:
            ServiceError: refused.
        """
        address = str(self.name[0]) if isinstance(self.name, tuple) else "unknown"
        if not peer_certificate:  # a channel of the policy None
            self._refused("log in without encryption", address)
            raise ServiceError(ua.StatusCodes.BadSecurityModeInsufficient)
        token = _peer.set(address)
        try:
            return super().activate_session(params, peer_certificate)
        except ServiceError as error:
            if error.code == ua.StatusCodes.BadIdentityTokenRejected:  # nobody was asked
                self._refused("log in without a token", address)
            raise
        finally:
            _peer.reset(token)

    def _refused(self, what: str, address: str) -> None:
        if isinstance(self.iserver, PlantServer):
            self.iserver.door.refused(f"nobody known from {address}", what, address, 401)

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Carry out methods, which find their caller in the context."""
        token = _user.set(self.user if isinstance(self.user, TokenUser) else None)
        try:
            results: list[ua.CallMethodResult] = await super().call(params)
            return results
        finally:
            _user.reset(token)


class PlantServer(InternalServer):
    """asyncua's inside with our doors; its address space may come ready-made."""

    def __init__(self, door: Door) -> None:
        self._sessions: dict[ua.NodeId, InternalSession] = {}
        self._ready: dict[ua.NodeId, Any] | None = None
        self.door = door
        super().__init__(user_manager=door)
        self.allow_remote_admin = False
        self.max_connections = MOST_SESSIONS
        self.max_subscriptions = 4 * MOST_SESSIONS

    def take_nodes(self, nodes: dict[ua.NodeId, Any]) -> None:
        """Begin with this address space instead of the bare one."""
        self._ready = nodes

    async def load_standard_address_space(self, shelf_file: Any = None) -> None:
        """Fill the address space; called by asyncua."""
        if self._ready is None:
            await super().load_standard_address_space(shelf_file)
            return
        for one, node in self._ready.items():
            self.aspace[one] = node
        self._ready = None

    def create_session(
        self,
        name: str,
        user: User = User(role=UserRole.Anonymous),  # noqa: B008, as in asyncua
        external: bool = False,
    ) -> InternalSession:
        """A session that is not logged in yet."""
        return PlantSession(
            self, self.aspace, self.subscription_service, name, user=user, external=external
        )

    def lookup_external_session(self, auth_token: ua.NodeId) -> InternalSession | None:
        """No connection takes a session over: its token is a number that is easily guessed."""
        del auth_token
        return None

    def register_external_session(self, session: InternalSession) -> None:
        """Remember who is there."""
        self._sessions[session.auth_token] = session

    def unregister_external_session(self, session: InternalSession) -> None:
        """Forget who has gone."""
        self._sessions.pop(session.auth_token, None)

    def register_server(self, server: Any, conf: Any = None) -> None:
        """Anybody could; this is no discovery server.

        Raises:
            ServiceError: always.
        """
        del server, conf
        raise ServiceError(ua.StatusCodes.BadServiceUnsupported)

    async def end_void_sessions(self) -> None:
        """Send everybody away whose token is void by now."""
        for session in list(self._sessions.values()):
            if session.is_activated() and not self.door.still_open(session.user):
                await session.close_session(True)

"""Logging in and out, one's devices and profile, and the accounts that managers keep."""

from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import serializers
from api.actions import accounts, devices, logins
from api.auth import callers, passwords, tokens
from api.errors import NotFound
from api.models import Device, User
from api.rest import openapi
from api.rest.answers import created, page
from api.rest.requests import checked, known


class Token(APIView):
    authentication_classes = [tokens.NoAuthentication]
    permission_classes = [AllowAny]

    @extend_schema(
        request=openapi.body(serializers.Login), responses={200: openapi.TokenOut, **openapi.REFUSED}, auth=[]
    )
    def post(self, request: Request) -> Response:
        """Log in: a token of its own for this device. Whatever is wrong with the credentials, it is the same 401."""
        data = checked(serializers.Login, request.data)
        user = passwords.check_password(request._request, data["email"], data["password"])
        if user is None:
            raise exceptions.AuthenticationFailed(_("Wrong e-mail or password."), code="invalid_credentials")
        logins.was_here(user, callers.client_network(request._request), at=timezone.now())
        kind = tokens.kind_of_device(request, data.get("kind"))
        name = data.get("device") or callers.user_agent(request)
        device, key = devices.log_in(user, kind=kind, name=name, at=timezone.now())
        return Response({"token": key, "device": device.pk}, headers={"Cache-Control": "no-store"})


class Logout(APIView):
    @extend_schema(request=None, responses={204: None, **openapi.REFUSED})
    def post(self, request: Request) -> Response:
        """End this device's login at once."""
        devices.revoke(tokens.device_of(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Devices(APIView):
    @extend_schema(
        parameters=[serializers.DeviceQuery, openapi.LINK],
        responses={200: openapi.DeviceOut(many=True), **openapi.REFUSED},
    )
    def get(self, request: Request) -> Response:
        """One's own devices, the latest login first; a manager's `?all=1` lists everybody's."""
        query = checked(serializers.DeviceQuery, request.query_params)
        found = Device.objects.order_by("-id")
        if not (tokens.person(request).is_manager and query.get("all") == "1"):
            found = found.filter(user=tokens.person(request))
        if "after" in query:
            found = found.filter(id__lt=query["after"])
        current = tokens.device_of(request)
        return page(request, [serializers.device_json(device, current) for device in found[: query["limit"]]], query)


class DeviceDetail(APIView):
    @extend_schema(responses={204: None, **openapi.REFUSED})
    def delete(self, request: Request, key: str) -> Response:
        """Revoke a device: its token stops at once. One's own; a manager a picker's; an administrator any."""
        devices.revoke_of(tokens.person(request), known(key, devices.NoSuchDevice), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Me(APIView):
    @extend_schema(responses={200: openapi.UserOut, **openapi.REFUSED})
    def get(self, request: Request) -> Response:
        """Who is logged in; `username` is the name on the app's home screen."""
        return Response(serializers.user_json(tokens.person(request)))

    @extend_schema(request=openapi.body(serializers.ProfileChange), responses={200: openapi.UserOut, **openapi.REFUSED})
    def patch(self, request: Request) -> Response:
        """Change one's shown name; or one's e-mail, for which the current password is asked."""
        data = checked(serializers.ProfileChange, request.data)
        return Response(serializers.user_json(change(request, tokens.person(request), data)))


class Password(APIView):
    @extend_schema(request=openapi.body(serializers.PasswordChange), responses={204: None, **openapi.REFUSED})
    def post(self, request: Request) -> Response:
        """Change one's password. All other devices have to log in again."""
        data = checked(serializers.PasswordChange, request.data)
        data["password"] = data.pop("new_password")
        change(request, tokens.person(request), data, weak="new_password")
        return Response(status=status.HTTP_204_NO_CONTENT)


class Users(APIView):
    permission_classes = [tokens.Managers]

    @extend_schema(
        parameters=[serializers.Page, openapi.LINK], responses={200: openapi.UserOut(many=True), **openapi.REFUSED}
    )
    def get(self, request: Request) -> Response:
        """All accounts; for managers."""
        query = checked(serializers.Page, request.query_params)
        found = User.objects.filter(id__gt=query.get("after", 0)).order_by("id")[: query["limit"]]
        return page(request, [serializers.user_json(user) for user in found], query)

    @extend_schema(
        request=openapi.body(serializers.NewUser),
        parameters=[openapi.LOCATION],
        responses={201: openapi.UserOut, **openapi.REFUSED},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Make an account; for managers."""
        data = checked(serializers.NewUser, request.data)
        user = accounts.create(by=tokens.person(request), **data)
        return created(request, Response(serializers.user_json(user), status.HTTP_201_CREATED), "user", user.pk)


class UserDetail(APIView):
    permission_classes = [tokens.Managers]

    @extend_schema(responses={200: openapi.UserOut, **openapi.REFUSED})
    def get(self, request: Request, key: str) -> Response:
        """One account; for managers."""
        return Response(serializers.user_json(_user(key)))

    @extend_schema(request=openapi.body(serializers.UserIn), responses={200: openapi.UserOut, **openapi.REFUSED})
    def patch(self, request: Request, key: str) -> Response:
        """Change an account; for managers. One that may no longer log in loses its devices at once.

        A manager changes pickers and themselves, an administrator everybody. For one's own e-mail or password the
        current password is asked.
        """
        data = checked(serializers.UserIn, request.data, partial=True)
        return Response(serializers.user_json(change(request, _user(key), data)))


def change(request: Request, user: User, data: dict[str, Any], **more: Any) -> User:
    """Change an account by what was sent; whoever changes their own password or e-mail shows that they know it."""
    by, device, current = tokens.person(request), tokens.device_of(request), data.pop("current_password", "")
    if accounts.needs_password(user, by, data):
        passwords.confirm_password(request._request, by, current, device)
    return accounts.change(user, by=by, device=device, at=timezone.now(), **data, **more)


def _user(key: str) -> User:
    user = User.objects.filter(id=known(key, NoSuchUser)).first()
    if user is None:
        raise NoSuchUser(key)
    return user


class NoSuchUser(NotFound):
    code = "no_such_user"

    def __init__(self, key: object) -> None:
        super().__init__(_("There is no such account."), facts={"user": key})

"""Login and logout, the caller's devices and profile, and accounts (for managers)."""

from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import serializers
from api.actions import accounts, devices, logins
from api.auth import callers, passwords, tokens
from api.errors import NoSuch
from api.models import Device, User
from api.rest import openapi
from api.rest.answers import created, page
from api.rest.base import ManagersView, PublicView
from api.rest.requests import checked, find, require_id
from api.serializers.rows import device_json, user_json


class Token(PublicView):
    @extend_schema(request=openapi.body(serializers.Login), responses=openapi.ok(openapi.TokenOut), auth=[])
    def post(self, request: Request) -> Response:
        """Log in: returns a token for this device. Any wrong credentials give the same 401."""
        data = checked(serializers.Login, request.data)
        user = passwords.check_password(request._request, data["email"], data["password"], one_time=True)
        if user is None:
            raise exceptions.AuthenticationFailed(_("Wrong e-mail or password."), code="invalid_credentials")
        logins.was_here(user, callers.client_network(request._request), at=timezone.now())
        program = callers.user_agent(request)
        kind = Device.Kind.APP if program.startswith("Dart/") else Device.Kind.INTEGRATION  # docs/flutter-app.md, 1
        kind, name = data.get("kind") or kind, data.get("device") or program
        device, key = devices.log_in(user, kind=kind, name=name, at=timezone.now())
        return Response({"token": key, "device": device.pk}, headers={"Cache-Control": "no-store"})


class Logout(APIView):
    @extend_schema(request=None, responses=openapi.NOTHING)
    def post(self, request: Request) -> Response:
        """End this device's login at once."""
        devices.revoke(tokens.device_of(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Devices(APIView):
    @extend_schema(
        parameters=[serializers.DeviceQuery, openapi.LINK],
        responses=openapi.ok(openapi.DeviceOut(many=True)),
    )
    def get(self, request: Request) -> Response:
        """Your devices, the latest login first; for a manager `?all=1` lists all devices."""
        query = checked(serializers.DeviceQuery, request.query_params)
        found = Device.objects.order_by("-id")
        if not (tokens.person(request).is_manager and query.get("all") == "1"):
            found = found.filter(user=tokens.person(request))
        if "after" in query:
            found = found.filter(id__lt=query["after"])
        current = tokens.device_of(request)
        return page(request, [device_json(device, current) for device in found[: query["limit"]]], query)


class DeviceDetail(APIView):
    @extend_schema(responses=openapi.NOTHING)
    def delete(self, request: Request, key: str) -> Response:
        """Revoke a device: its token becomes invalid at once. Everybody may revoke their own devices, a manager also
        pickers' devices, an administrator any device."""
        devices.revoke_of(tokens.person(request), require_id(key, devices.NoSuchDevice), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Me(APIView):
    @extend_schema(responses=openapi.ok(openapi.UserOut))
    def get(self, request: Request) -> Response:
        """The account that is logged in; the app's home screen shows `username`."""
        return Response(user_json(tokens.person(request)))

    @extend_schema(request=openapi.body(serializers.ProfileChange), responses=openapi.ok(openapi.UserOut))
    def patch(self, request: Request) -> Response:
        """Change your name or e-mail. A new e-mail needs the current password."""
        data = checked(serializers.ProfileChange, request.data)
        return Response(user_json(change(request, tokens.person(request), data)))


class Password(APIView):
    @extend_schema(request=openapi.body(serializers.PasswordChange), responses=openapi.NOTHING)
    def post(self, request: Request) -> Response:
        """Change your password. Your other devices have to log in again."""
        data = checked(serializers.PasswordChange, request.data)
        data["password"] = data.pop("new_password")
        change(request, tokens.person(request), data, weak="new_password")
        return Response(status=status.HTTP_204_NO_CONTENT)


class Users(ManagersView):
    @extend_schema(parameters=[serializers.Page, openapi.LINK], responses=openapi.ok(openapi.UserOut(many=True)))
    def get(self, request: Request) -> Response:
        """All accounts; for managers."""
        query = checked(serializers.Page, request.query_params)
        found = User.objects.filter(id__gt=query.get("after", 0)).order_by("id")[: query["limit"]]
        return page(request, [user_json(user) for user in found], query)

    @extend_schema(
        request=openapi.body(serializers.NewUser),
        parameters=[openapi.LOCATION],
        responses={201: openapi.UserOut, **openapi.REFUSED},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Create an account; for managers."""
        data = checked(serializers.NewUser, request.data)
        user = accounts.create(by=tokens.person(request), **data)
        return created(request, Response(user_json(user), status.HTTP_201_CREATED), "user", user.pk)


class UserDetail(ManagersView):
    @extend_schema(responses=openapi.ok(openapi.UserOut))
    def get(self, request: Request, key: str) -> Response:
        """One account; for managers."""
        return Response(user_json(find(User, key, NoSuchUser)))

    @extend_schema(request=openapi.body(serializers.UserIn), responses=openapi.ok(openapi.UserOut))
    def patch(self, request: Request, key: str) -> Response:
        """Change an account; for managers. Deactivating it revokes its devices at once.

        A manager may change pickers and themselves, an administrator everybody. Changing your own e-mail or
        password needs the current password.
        """
        data = checked(serializers.UserIn, request.data, partial=True)
        return Response(user_json(change(request, find(User, key, NoSuchUser), data)))


def change(request: Request, user: User, data: dict[str, Any], **more: Any) -> User:
    """Change an account. Checks the current password if people change their own password or e-mail."""
    by, device, current = tokens.person(request), tokens.device_of(request), data.pop("current_password", "")
    if accounts.needs_password(user, by, data):
        passwords.confirm_password(request._request, by, current, device)
    return accounts.change(user, by=by, device=device, at=timezone.now(), **data, **more)


class NoSuchUser(NoSuch):
    code, sentence = "no_such_user", _("There is no such account.")

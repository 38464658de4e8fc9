"""Base classes of views. They check who may call a view, and choose the method that answers a phone."""

from typing import Any

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from api.auth.tokens import NoAuthentication, device_of, managers_only, storekeepers_only


class PublicView(APIView):
    """A call that anybody may make."""

    authentication_classes = [NoAuthentication]
    permission_classes = [AllowAny]


class ManagersView(APIView):
    """A call for managers, on any kind of device (docs/rights.md)."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        managers_only(request)


class StorekeepersView(APIView):
    """A call for storekeepers and managers, on any kind of device."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        storekeepers_only(request)


class PhoneView(APIView):
    """A call that phones make too. If the view has a method `app_put`, this answers a PUT of an app device; so for the
    other HTTP methods.

    Views tell phones and programs apart here, the functions of `hot.py` by `by.is_app`. A phone's requests are read
    against what it can have seen.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, as REST framework does. For an app device, also replace the method that is called next."""
        super().initial(request, *args, **kwargs)
        called = (request.method or "").lower()
        for_app = getattr(self, f"app_{'get' if called == 'head' else called}", None)
        if for_app and device_of(request).is_app:
            setattr(self, called, for_app)

"""People, their devices, and what is remembered of these."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from api.texts import tidy


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an account. The e-mail is stored in lower case, since people type it in any case."""
        role = fields.pop("role", None)
        user = self.model(email=tidy(email).lower(), **fields)
        role = role or user.role
        user.set_password(password)
        user.save(using=self._db)
        user.take_role(role)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=tidy(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Logs in by e-mail; `username` is the name shown on the app's home screen.

    one_time_digest, one_time_until: the one-time password that connects a phone (`actions/connecting.py`).
    totp_secret, totp_step: the second factor at the desk (`actions/second_factor.py`); "" without one.
    """

    class Role(models.TextChoices):
        PICKER = "picker", _("picker")
        STOREKEEPER = "storekeeper", _("storekeeper")
        MANAGER = "manager", _("manager")
        ADMINISTRATOR = "administrator", _("administrator")

    email = models.EmailField(_("e-mail"), unique=True)
    username = models.CharField(_("shown name"), max_length=150)
    is_active = models.BooleanField(
        _("may log in"), default=True, help_text=_("Take this away instead of deleting an account.")
    )
    is_staff = models.BooleanField(
        _("manager"), default=False, help_text=_("Sees the admin and settles discrepancies.")
    )
    date_joined = models.DateTimeField(_("since"), auto_now_add=True)
    one_time_digest = models.CharField(max_length=64, blank=True, editable=False, db_default="", default="")
    one_time_until = models.DateTimeField(null=True, blank=True, editable=False)
    totp_secret = models.CharField(max_length=64, blank=True, editable=False, db_default="", default="")
    totp_step = models.BigIntegerField(editable=False, db_default=0, default=0)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["username"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["username", "id"]
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_case")]

    def __str__(self) -> str:
        return self.username or self.email

    @property
    def role(self) -> str:
        """The role: the two highest by the flags, which the look-up of a token reads, the others by the group."""
        if self.is_superuser:
            return self.Role.ADMINISTRATOR
        if self.is_staff:
            return self.Role.MANAGER
        groups = {group.name for group in self.groups.all()} if self.pk else set()
        return self.Role.STOREKEEPER if self.Role.STOREKEEPER in groups else self.Role.PICKER

    def take_role(self, role: str) -> None:
        """Save a role. The flags and the group are written nowhere else, so that they agree."""
        flags = (role in (self.Role.MANAGER, self.Role.ADMINISTRATOR), role == self.Role.ADMINISTRATOR)
        if (self.is_staff, self.is_superuser) != flags:
            self.is_staff, self.is_superuser = flags
            self.save(update_fields=["is_staff", "is_superuser"])
        self.groups.set([Group.objects.get_or_create(name=role)[0]])

    @property
    def role_name(self) -> str:
        """The role in words."""
        return str(self.Role(self.role).label)

    @property
    def is_manager(self) -> bool:
        return self.is_staff or self.is_superuser

    @property
    def keeps_stock(self) -> bool:
        """Whether this person may set what is on hand: a storekeeper, a manager or an administrator."""
        return self.role != self.Role.PICKER

    def may_change(self, other: "User") -> bool:
        """Whether this person may change the other's account and devices. Everybody may change their own, a manager
        those of pickers and storekeepers too, an administrator all."""
        return self.pk == other.pk or self.is_superuser or (self.is_staff and not other.is_manager)


class Device(models.Model):
    """One login: a phone with the app, or another program. It outlives its token, since history refers to it."""

    class Kind(models.TextChoices):
        APP = "app", _("Easy Box app")
        INTEGRATION = "integration", _("integration")

    user = models.ForeignKey(User, models.PROTECT, related_name="devices", verbose_name=_("person"))
    token = models.OneToOneField("knox.AuthToken", models.SET_NULL, null=True, blank=True, related_name="device")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.APP)
    name = models.CharField(_("name"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("first login"), auto_now_add=True)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    remembered: str | None = None
    """The state of the device's memory when its token was looked up (`auth/tokens.py`). None if it has no memory, or it
    was not read."""

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["-last_seen_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name or self.get_kind_display()} #{self.pk}"

    @property
    def is_app(self) -> bool:
        return self.kind == self.Kind.APP


class KnownPlace(models.Model):
    """A network in which a person was logged in. Wrong passwords of strangers do not lock the person out there."""

    user = models.ForeignKey(User, models.CASCADE, related_name="places")
    network = models.CharField(max_length=50)
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "network"], name="known_place_once")]

    def __str__(self) -> str:
        return self.network


class Occurrence(models.Model):
    """An event with a rate limit (`limits.py`), such as a wrong password. It is counted until `until`."""

    key = models.CharField(max_length=64)
    until = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["key", "-until"], name="occurrence_key_until")]

    def __str__(self) -> str:
        return self.key


class DeviceMemory(models.Model):
    """What the server remembers of an app device, as one JSON document (see `phones/memory.py`)."""

    device = models.OneToOneField(Device, models.CASCADE, primary_key=True, related_name="memory")
    number = models.BigIntegerField(default=0, db_default=0)
    """Not used any more; a later release drops it (dev/expanding.py)."""
    state = models.TextField(default="{}")

    def __str__(self) -> str:
        return f"memory of {self.device_id}"

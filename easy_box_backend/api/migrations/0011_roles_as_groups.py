from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

ROLES = ["picker", "storekeeper", "manager", "administrator"]


def group_people(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give each account the group of its role, by the flags that were the role until now."""
    group, member = apps.get_model("auth", "Group"), apps.get_model("api", "User").groups.through
    groups = {name: group.objects.get_or_create(name=name)[0] for name in ROLES}
    people = apps.get_model("api", "User").objects.values_list("pk", "is_staff", "is_superuser")
    roles = {pk: "administrator" if top else "manager" if staff else "picker" for pk, staff, top in people}
    member.objects.filter(group__in=groups.values()).delete()
    member.objects.bulk_create(member(user_id=pk, group=groups[role]) for pk, role in roles.items())


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0010_one_time_passwords_and_reporters"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(group_people, migrations.RunPython.noop)]

from django.urls import path

from portal.web.views.audit import audit_entry, audit_export, audit_list
from portal.web.views.health import live, ready
from portal.web.views.home import home
from portal.web.views.security_txt import security_txt

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("audit", audit_list, name="audit"),
    path("audit/<int:chain>-<int:sequence>", audit_entry, name="audit-entry"),
    path("audit/export.<str:form>", audit_export, name="audit-export"),
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path(".well-known/security.txt", security_txt, name="security-txt"),
]

# Site takes requests, Sweep runs every minute. The database is yours: any
# PostgreSQL that the functions reach, with schema.sql applied.

terraform {
  required_version = ">= 1.6"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.4"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

locals {
  # The secrets are made here, and their values put in by you (README.md).
  secrets = {
    IMPREST_APP_KEY     = "imprest-app-key"
    IMPREST_JOURNAL     = "imprest-journal"
    IMPREST_DELIVER_KEY = "imprest-deliver-key"
    IMPREST_COOKIE_KEYS = "imprest-cookie-keys"
  }
  environment = {
    IMPREST_APP_ID      = var.app_id
    IMPREST_BASE_URL    = var.base_url
    IMPREST_STORE_NO    = var.store_no
    IMPREST_DELIVER_URL = var.deliver_url
    SITE_URL            = var.site_url
  }
  services = toset([
    "artifactregistry.googleapis.com", "cloudbuild.googleapis.com", "cloudfunctions.googleapis.com", "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com", "eventarc.googleapis.com", "iam.googleapis.com", "pubsub.googleapis.com", "run.googleapis.com",
    "secretmanager.googleapis.com",
  ])
}

resource "google_project_service" "used" {
  for_each           = local.services
  service            = each.value
  disable_on_destroy = false
}

# ---- Who the functions are. It may read their own secrets, and nothing else.

resource "google_service_account" "payments" {
  account_id   = "imprest-payments"
  display_name = "The functions that take payments"
  depends_on   = [google_project_service.used]
}

resource "google_secret_manager_secret" "key" {
  for_each  = local.secrets
  secret_id = each.value
  replication {
    auto {}
  }
  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_iam_member" "read" {
  for_each  = google_secret_manager_secret.key
  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.payments.member
}

# ---- The source.

data "archive_file" "source" {
  type        = "zip"
  source_dir  = path.module
  output_path = "${path.module}/.terraform/source.zip"
  excludes    = setunion(fileset(path.module, "*.tf*"), fileset(path.module, ".terraform/**"), fileset(path.module, ".git/**"))
}

resource "google_storage_bucket" "source" {
  name                        = "${var.project}-imprest-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
}

resource "google_storage_bucket_object" "source" {
  name   = "source-${data.archive_file.source.output_md5}.zip"
  bucket = google_storage_bucket.source.name
  source = data.archive_file.source.output_path
}

# ---- Who builds them. The default account of a new project may not, and of an old
# one may do far more.

resource "google_service_account" "build" {
  account_id   = "imprest-build"
  display_name = "Builds the functions"
  depends_on   = [google_project_service.used]
}

resource "google_project_iam_member" "build" {
  project = var.project
  role    = "roles/cloudbuild.builds.builder"
  member  = google_service_account.build.member
}

# ---- Site: the platform and browsers call it, so everybody may.

resource "google_cloudfunctions2_function" "site" {
  name     = "imprest-site"
  location = var.region

  build_config {
    runtime         = "go126"
    entry_point     = "Site"
    service_account = google_service_account.build.id
    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    available_memory                 = "256Mi"
    timeout_seconds                  = 60
    max_instance_count               = var.max_instances
    max_instance_request_concurrency = 16
    available_cpu                    = "1"
    service_account_email            = google_service_account.payments.email
    vpc_connector                    = var.vpc_connector
    vpc_connector_egress_settings    = var.vpc_connector == null ? null : "PRIVATE_RANGES_ONLY"
    environment_variables            = local.environment

    dynamic "secret_environment_variables" {
      for_each = google_secret_manager_secret.key
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value.secret_id
        version    = "latest"
      }
    }
  }

  depends_on = [google_project_service.used, google_project_iam_member.build, google_secret_manager_secret_iam_member.read]
}

resource "google_cloud_run_service_iam_member" "everybody" {
  location = google_cloudfunctions2_function.site.location
  service  = google_cloudfunctions2_function.site.service_config[0].service
  role     = "roles/run.invoker"
  member   = "allUsers"
}

# ---- Sweep: a schedule publishes a tick every minute; nobody else may call it.

resource "google_pubsub_topic" "tick" {
  name       = "imprest-tick"
  depends_on = [google_project_service.used]
}

resource "google_cloud_scheduler_job" "sweep" {
  name     = "imprest-sweep"
  region   = var.region
  schedule = "* * * * *"

  pubsub_target {
    topic_name = google_pubsub_topic.tick.id
    # The attribute is what makes the message a tick.
    attributes = { tick = "1" }
    data       = base64encode("sweep")
  }
}

resource "google_service_account" "trigger" {
  account_id   = "imprest-trigger"
  display_name = "Hands ticks to the sweep"
  depends_on   = [google_project_service.used]
}

resource "google_cloudfunctions2_function" "sweep" {
  name     = "imprest-sweep"
  location = var.region

  build_config {
    runtime         = "go126"
    entry_point     = "Sweep"
    service_account = google_service_account.build.id
    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    available_memory              = "256Mi"
    timeout_seconds               = 300
    max_instance_count            = 2
    ingress_settings              = "ALLOW_INTERNAL_ONLY"
    service_account_email         = google_service_account.payments.email
    vpc_connector                 = var.vpc_connector
    vpc_connector_egress_settings = var.vpc_connector == null ? null : "PRIVATE_RANGES_ONLY"
    environment_variables         = local.environment

    dynamic "secret_environment_variables" {
      for_each = google_secret_manager_secret.key
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value.secret_id
        version    = "latest"
      }
    }
  }

  event_trigger {
    trigger_region        = var.region
    event_type            = "google.cloud.pubsub.topic.v1.messagePublished"
    pubsub_topic          = google_pubsub_topic.tick.id
    service_account_email = google_service_account.trigger.email
    # The next tick is a minute away.
    retry_policy = "RETRY_POLICY_DO_NOT_RETRY"
  }

  depends_on = [google_project_service.used, google_project_iam_member.build, google_secret_manager_secret_iam_member.read]
}

resource "google_cloud_run_service_iam_member" "trigger" {
  location = google_cloudfunctions2_function.sweep.location
  service  = google_cloudfunctions2_function.sweep.service_config[0].service
  role     = "roles/run.invoker"
  member   = google_service_account.trigger.member
}

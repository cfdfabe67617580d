output "site" {
  description = "Where site_url has to lead."
  value       = google_cloudfunctions2_function.site.service_config[0].uri
}

output "notify_url" {
  description = "Where the platform posts its notifications."
  value       = "${var.site_url}/callbacks/payment"
}

output "secrets" {
  description = "The secrets whose values are yours to put in."
  value       = values(local.secrets)
}

variable "project" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "Where everything runs."
  type        = string
  default     = "asia-east2"
}

variable "app_id" {
  description = "The app_id that VVChat issued."
  type        = string
}

variable "store_no" {
  description = "The store_no."
  type        = string
}

variable "base_url" {
  description = "The address of the platform."
  type        = string
  validation {
    condition     = startswith(var.base_url, "https://")
    error_message = "The platform is called by https."
  }
}

variable "site_url" {
  description = "The public address of the site, such as https://shop.example: the platform posts to it, and browsers go there."
  type        = string
  validation {
    condition     = can(regex("^https://[^/?#]+$", var.site_url))
    error_message = "An https address without a path."
  }
}

variable "deliver_url" {
  description = "Your own server, which grants the goods."
  type        = string
  validation {
    condition     = startswith(var.deliver_url, "https://")
    error_message = "Deliveries are posted by https."
  }
}

variable "vpc_connector" {
  description = "The id of a Serverless VPC Access connector, where the database has a private address; null is none."
  type        = string
  default     = null
}

variable "max_instances" {
  description = "How many instances take requests at most: each holds up to 4 connections to the database."
  type        = number
  default     = 10
}

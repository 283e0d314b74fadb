"""What has been found out, told to those who spend the money: ad platforms and the CRM."""
